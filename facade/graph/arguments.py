"""Descriptions of arguments by name: an argument's name means the same in every field."""

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema

MEANINGS = {
    "after": "A cursor: what follows it.",
    "audience": "Butlr's own when left out.",
    "calibrated": '"true", "raw" or "false": for traffic occupancy.',
    "calibration_points": "Counts that are known to be true.",
    "client_id": "The client's id.",
    "client_secret": "The client's secret.",
    "customID": "The customer's own id.",
    "every": "How often at most something is sent.",
    "filter": "What is asked.",
    "filters": "Which times of the week count.",
    "first": "How many at most.",
    "floor_ids": "Keep those on these floors.",
    "frame": "In which frame; their own when left out.",
    "grant_type": "Butlr's own when left out.",
    "grid_resolution": "The side of a cell in metres: 0.25, 0.5 or 1.0.",
    "group_by": "How the answer is grouped; flat when left out.",
    "heatmap_type": "What is mapped: occupancy.",
    "hive_ids": "Keep those of these hives.",
    "hive_serials": "Keep those of the hives with these serial numbers.",
    "id": "The primary id.",
    "ids": "Keep those with these ids.",
    "items": "The places, by id; all of one timezone.",
    "mac_address": "The MAC address, in any case, with - or :.",
    "mac_addresses": "Keep those with these MAC addresses, in any case, with - or :.",
    "measurements": "What is measured.",
    "mode": "presence or traffic.",
    "normalize": "Whether values are made a share of the greatest.",
    "omit_empty_value": "True: entries without points are left out.",
    "options": "How the answer is written.",
    "paginate": "Which page of the answer.",
    "password": "The user's password.",
    "refresh_token": "The refresh token, which is spent by it.",
    "returnPlaceholders": "Taken as the native API takes it; no source of assets knows placeholders.",
    "room_ids": "Keep those in these rooms.",
    "serial_number": "The serial number.",
    "serial_numbers": "Keep those with these serial numbers.",
    "start": "From when.",
    "stop": "Until when, not included; now when left out.",
    "tagIDs": "The tags, by id.",
    "time_constraints": "Which times of the week count.",
    "types": "Keep those of these types; all when left out.",
    "useOR": "True: any of the tags is enough.",
    "username": "The user's email address.",
    "value": "Bounds of the value. `{gte: 0}` keeps zeros.",
    "window": "How time is cut.",
}


def describe_arguments(schema: GraphQLSchema) -> None:
    """Set the description of every argument that has none, by its name."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) and not type_.name.startswith("__"):
            for field in type_.fields.values():
                for name, argument in field.args.items():
                    argument.description = argument.description or MEANINGS.get(name)
