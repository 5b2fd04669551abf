"""Descriptions of arguments by name: an argument's name means the same in every field."""

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema

MEANINGS = {
    "after": "A cursor. The rows after it are returned.",
    "audience": "Default: Butlr's own value.",
    "calibrated": '"true", "raw" or "false": for traffic occupancy.',
    "calibration_points": "Counts that are known to be correct.",
    "client_id": "The client's id.",
    "client_secret": "The client's secret.",
    "customID": "The customer's own id.",
    "every": "The shortest time between two updates.",
    "filter": "What to read.",
    "filters": "The times of the week that are counted.",
    "first": "The most items to return.",
    "floor_ids": "Only those on these floors.",
    "frame": "The coordinate frame. Default: the points' own.",
    "grant_type": "Default: Butlr's own value.",
    "grid_resolution": "The side length of a cell in metres: 0.25, 0.5 or 1.0.",
    "group_by": "How the answer is grouped. Default: not grouped.",
    "heatmap_type": "The kind of heat map: occupancy.",
    "hive_ids": "Only those of these hives.",
    "hive_serials": "Only those of the hives with these serial numbers.",
    "id": "The primary id.",
    "ids": "Only those with these ids.",
    "items": "The ids of the places. The stats call needs places of one timezone.",
    "mac_address": "The MAC address, in upper or lower case, with - or :.",
    "mac_addresses": "Only those with these MAC addresses, in upper or lower case, with - or :.",
    "measurements": "The measurements.",
    "mode": "presence or traffic.",
    "normalize": "Whether values are divided by the greatest value.",
    "omit_empty_value": "Whether to omit entries without points.",
    "options": "The format of the answer.",
    "paginate": "The page of the answer.",
    "password": "The user's password.",
    "refresh_token": "The refresh token. It can be used only once.",
    "returnPlaceholders": "Accepted for compatibility, without effect: no source of assets knows placeholders.",
    "room_ids": "Only those in these rooms.",
    "serial_number": "The serial number.",
    "serial_numbers": "Only those with these serial numbers.",
    "start": "The start of the span.",
    "stop": "The end of the span, not included. Default: now.",
    "tagIDs": "The tags, by id.",
    "time_constraints": "The times of the week that are counted.",
    "types": "Only events of these types. Default: all.",
    "useOR": "True: any of the tags. False: all of them.",
    "username": "The user's email address.",
    "value": "Bounds of the value. `{gte: 0}` includes zeros.",
    "window": "The windows that time is divided into.",
}


def describe_arguments(schema: GraphQLSchema) -> None:
    """Set the description of every argument that has none, by its name."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) and not type_.name.startswith("__"):
            for field in type_.fields.values():
                for name, argument in field.args.items():
                    argument.description = argument.description or MEANINGS.get(name)
