"""The bodies of the REST paths as JSON Schema (2020-12, as in OpenAPI 3.1).

Butlr's docs are incomplete, so a schema lists the known fields and allows others. The v2 shapes are those of this
facade's answers.
"""

from .openapi_terms import BOOLEAN, INTEGER, NUMBER, STRING, Schema, described, many, maybe, of, ref

_TIME = described(STRING, "RFC 3339, or relative to now: -5m, -24h, -1d, -1w, -1M.")
_HOURS = many(of({"start": described(STRING, "HH:MM"), "stop": described(STRING, "HH:MM")}))
_IDS = of({"eq": many(STRING)}, "eq")
_LOGINS = {
    "Login": of({"username": {**STRING, "format": "email"}, "password": STRING}, "username", "password"),
    "Refresh": of(
        {"refresh_token": STRING, "client_id": described(STRING, "The claim `azp` of the access token.")},
        "refresh_token",
        "client_id",
    ),
    "ClientLogin": of(
        {"client_id": STRING, "client_secret": STRING, "audience": STRING, "grant_type": STRING},
        "client_id",
        "client_secret",
        "audience",
        "grant_type",
    ),
    "Session": of(
        {
            "access_token": STRING,
            "refresh_token": described(STRING, "A client login has none."),
            "id_token": STRING,
            "scope": STRING,
            "expires_in": described(NUMBER, "Seconds."),
            "token_type": STRING,
        },
        "access_token",
        "expires_in",
        "token_type",
    ),
}
_PLACES = ("spaces", "rooms", "zones", "buildings", "clients", "tags", "sensors", "hives", "mac_addresses")
_REPORTING = {
    "ReportRequest": of(
        {
            "filter": of(
                {
                    "start": _TIME,
                    "stop": described(STRING, "By default now."),
                    "measurements": many(STRING),
                    **dict.fromkeys(_PLACES, _IDS),
                    "value": of(dict.fromkeys(("gte", "lte", "gt", "lt"), NUMBER)),
                    "calibrated": {"type": "string", "enum": ["true", "raw", "false"]},
                    "time_constraints": of({"time_ranges": _HOURS, "exclude_days_of_week": many(STRING)}),
                },
                "start",
            ),
            "window": of(
                {
                    "every": described(STRING, "A duration: 1m, 15m, 1h, 1d, 1w."),
                    "function": {
                        "type": "string",
                        "enum": ["mean", "max", "min", "sum", "first", "last", "median"],
                    },
                    "timezone": described(STRING, "IANA name; windows are aligned to its clock."),
                    "offset": STRING,
                    "create_empty": BOOLEAN,
                    "fill": of({"use_previous": BOOLEAN, "value": NUMBER}),
                },
                "every",
            ),
            "group_by": of({"order": many(STRING), "raw": described(BOOLEAN, "Leaves are rows, not statistics.")}),
            "options": of(
                {
                    "format": {"type": "string", "enum": ["json", "csv"]},
                    "precision": {"type": "string", "enum": ["s", "ms", "us", "ns"]},
                    "timestamp": STRING,
                    "includeCalibrationPoints": BOOLEAN,
                }
            ),
            "paginate": of({"page": {**INTEGER, "minimum": 1}, "limit": {**INTEGER, "minimum": 1}}),
            "calibration_points": many(of({"timestamp": STRING, "occupancy": NUMBER, "type": STRING})),
        },
        "filter",
    ),
    "ReportRow": of(
        {
            **dict.fromkeys(("field", "measurement", "time", "start", "stop"), STRING),
            "value": maybe(NUMBER),
            "preprocessed": BOOLEAN,
            **dict.fromkeys(("timezone_offset", "tag_id", "building_id", "building_name"), STRING),
            **dict.fromkeys(("hive_id", "hive_serial", "sensor_id", "mac_address"), STRING),
            **dict.fromkeys(("space_id", "space_name", "room_id", "room_name", "zone_id", "zone_name"), STRING),
        },
        description="A missing id is an empty string.",
    ),
    "Statistics": of(
        dict.fromkeys(("sum", "min", "max", "count", "mean", "median", "stddev", "first", "last"), maybe(NUMBER))
    ),
    "ReportLevel": {
        "type": "object",
        "description": "A level for each entry of group_by.order, or fewer; below the last one statistics, or rows.",
        "additionalProperties": {
            "anyOf": [ref("Statistics"), ref("ReportLevel"), many(ref("ReportRow")), maybe(NUMBER), STRING],
        },
    },
    "Report": of(
        {
            "data": {
                "oneOf": [many(ref("ReportRow")), ref("ReportLevel")],
                "description": "Rows, or nested objects where group_by is given.",
            },
            "page_info": ref("PageInfo"),
        },
        "data",
    ),
    "PageInfo": of(
        dict.fromkeys(("page", "page_item_count", "total_item_count", "total_pages"), INTEGER),
        description="Only meaningful if paginate was sent.",
    ),
}
_DETECTIONS = {
    "DetectionsRequest": of(
        {
            "data_types": {
                **many(
                    {
                        "type": "string",
                        "enum": ["detections_local", "detections_world", "heatmap", "heatmap_v2"],
                    }
                ),
                "minItems": 1,
            },
            "filter": of(
                {
                    "start": STRING,
                    "stop": STRING,
                    "space_id": STRING,
                    "room_id": STRING,
                    "mac_addresses": many(STRING),
                    "omit_empty_value": BOOLEAN,
                }
            ),
            "window": of({"every": STRING, "function": STRING, "heatmap_v2_options": {"type": "object"}}),
        },
        "data_types",
        "filter",
    ),
    "Detection": of(
        {
            "start_time": described(INTEGER, "Epoch milliseconds."),
            "sample_time": described(INTEGER, "Epoch milliseconds."),
            "mac_address": STRING,
            "value": described(many(many(NUMBER)), "Points, each [x, y]."),
        }
    ),
    "Detections": of(
        {
            "detections_local": many(ref("Detection")),
            "detections_world": many(ref("Detection")),
            "heatmap": described({}, "No source documents its format."),
            "heatmap_v2": described({}, "No source documents its format."),
        },
        description="A key for each of data_types, without a wrapper.",
    ),
}
_STATS = {
    "StatsRequest": of(
        {
            "measurements": {
                **many(described(STRING, "occupancy[_used]_{avg|median}_{presence|traffic}")),
                "minItems": 1,
            },
            "items": {**described(many(STRING), "Ids, all in one time zone."), "minItems": 1},
            "start": described(STRING, "RFC 3339 or a date."),
            "stop": described(STRING, "RFC 3339 or a date."),
            "filters": of({"exclude_days_of_week": many(STRING), "time_ranges": _HOURS}),
        },
        "measurements",
        "items",
        "start",
        "stop",
    ),
    "Stats": of(
        {
            "data": {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": maybe(NUMBER)},
                "description": "By item, then by measurement.",
            }
        },
        "data",
    ),
}
_NAMED = of({"id": STRING, "name": maybe(STRING)}, "id", "name")
_DEVICE = of({"id": STRING, "mac_address": STRING, "mode": maybe(STRING)}, "id")
_SERIAL = of({"id": STRING, "serial_number": STRING}, "id")
_HIVE_ROW: dict[str, Schema] = {"id": STRING, "serial_number": STRING, "num_sensors": INTEGER}
# Fields that rooms had in v2. Today sensors have them.
_OF_SENSORS = ("color", "height", "door_line", "in_direction", "parallel_to_door", "sensitivity")
_V2 = {
    "Sensor": of(
        {
            "id": STRING,
            "mac_address": STRING,
            "mode": maybe(STRING),
            "hive": _SERIAL,
            "space": _NAMED,
            "room": _NAMED,
            "orientation": maybe(many(NUMBER)),
            "height": maybe(NUMBER),
            "coordinates": maybe(many(NUMBER)),
        },
        "id",
    ),
    "HiveRow": of(_HIVE_ROW, "id"),
    "Hive": of(
        {
            **_HIVE_ROW,
            "sensors": many(_DEVICE),
            "gateways": many({"type": "object"}),
            "space": _NAMED,
            "mqtt": {"type": "null", "description": "No current API returns it."},
        },
        "id",
    ),
    "Space": of(
        {
            "id": STRING,
            "name": maybe(STRING),
            "address": maybe(STRING),
            **dict.fromkeys(("capacity", "mid_capacity", "area"), maybe(NUMBER)),
            "timezone": maybe(STRING),
            "installation_date": maybe({"type": ["integer", "string"]}),
            "sensors": many(_DEVICE),
            "hives": many(_SERIAL),
            "rooms": many(_NAMED),
            "gateways": many({"type": "object"}),
        },
        "id",
    ),
    "Room": of(
        {
            "id": STRING,
            "name": maybe(STRING),
            "type": maybe(STRING),
            **dict.fromkeys(("area", "capacity", "mid_capacity", "maxCapacity"), maybe(NUMBER)),
            "coordinates": maybe(many(many(NUMBER))),
            **{name: {"type": "null"} for name in _OF_SENSORS},
            "sensors": many(_DEVICE),
            "space": _NAMED,
        },
        "id",
    ),
}
SCHEMAS: dict[str, Schema] = {
    "Error": of(
        {"message": STRING},
        "message",
        description="An error of the facade. Butlr's are unchanged.",
    ),
    **_LOGINS,
    **_REPORTING,
    **_DETECTIONS,
    **_STATS,
    **_V2,
}
