"""The equal GraphQL operation of each REST call."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from graphql import OperationDefinitionNode, parse, print_ast

SESSION = "access_token refresh_token id_token scope expires_in token_type"
ENTRY = "start_time sample_time mac_address value"
PAGE = "page page_item_count total_item_count total_pages"

# The selections from which the v2 shapes are made. Rows of a list and single records are equal except for hives.
SENSOR = """
id mac_address mode height orientation center
hive { id serialNumber } hive_id hive_serial
room { id name } room_id
floor { id name } floor_id
"""
HIVE_ROW = "id serialNumber sensors { id }"
HIVE = "id serialNumber sensors { id mac_address mode } floor { id name } floor_id"
ROOM = """
id name roomType area { value } capacity { max mid } coordinates
sensors { id mac_address mode }
floor { id name } floor_id
"""
SPACE = """
id name timezone installation_date area { value } capacity { max mid }
building { address { lines } site { timezone } }
sensors { id mac_address mode } hives { id serialNumber } rooms { id name }
"""

# The `data_types` of detections that are JSON in the schema.
HEAT_MAPS = frozenset({"heatmap", "heatmap_v2"})
DATA_TYPES = ("detections_local", "detections_world", "heatmap", "heatmap_v2")

REPORT_VARIABLES = {
    "filter": "ReportFilter!",
    "group_by": "ReportGroupBy",
    "window": "ReportWindow",
    "options": "ReportOptions",
    "paginate": "Paginate",
    "calibration_points": "[CalibrationPoint!]",
}
DETECTIONS_VARIABLES = {"filter": "DetectionFilter!", "window": "DetectionWindow"}
STATS_VARIABLES = {
    "measurements": "[StatsMeasurement!]!",
    "items": "[ID!]!",
    "start": "Time!",
    "stop": "Time!",
    "filters": "StatsFilter",
}


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    text: str
    # The names of the variables, in order of declaration.
    variables: tuple[str, ...]


def operation(text: str) -> Operation:
    """Make an operation from the text of a document with one named operation, which is pretty-printed."""
    document = parse(text, no_location=True)
    (defined,) = document.definitions
    assert isinstance(defined, OperationDefinitionNode)  # noqa: S101 -- for the type checker
    assert defined.name  # noqa: S101 -- for the type checker
    declared = tuple(variable.variable.name.value for variable in defined.variable_definitions or ())
    return Operation(defined.name.value, print_ast(document), declared)


LOGIN = operation(
    f"""mutation Login($username: String!, $password: String!) {{
      login(username: $username, password: $password) {{ {SESSION} }}
    }}"""
)
REFRESH = operation(
    f"""mutation Refresh($client_id: String!, $refresh_token: String!) {{
      refreshToken(client_id: $client_id, refresh_token: $refresh_token) {{ {SESSION} }}
    }}"""
)


def client_login(given: Collection[str]) -> Operation:
    """Return the client login. `audience` and `grant_type` have Butlr's own values if the client omits them."""
    variables = {"client_id": "String!", "client_secret": "String!", "audience": "String", "grant_type": "String"}
    return _of("mutation", "ClientLogin", "clientLogin", variables, given, SESSION)


def report(given: Collection[str]) -> Operation:
    """Return the report, with `data` as in the REST answer. `given` names the fields of the REST body."""
    return _of("query", "Report", "report", REPORT_VARIABLES, given, f"data page_info {{ {PAGE} }}")


def detections(given: Collection[str], data_types: Iterable[str]) -> Operation:
    fields = (type_ if type_ in HEAT_MAPS else f"{type_} {{ {ENTRY} }}" for type_ in data_types)
    return _of("query", "Detections", "detections", DETECTIONS_VARIABLES, given, " ".join(fields))


def stats(given: Collection[str]) -> Operation:
    return _of("query", "Stats", "stats", STATS_VARIABLES, given, "item values { measurement value }")


def _of(
    kind: str, name: str, field: str, variables: dict[str, str], given: Collection[str], selection: str
) -> Operation:
    """Return an operation with the given variables, and the required ones."""
    used = {variable: type_ for variable, type_ in variables.items() if variable in given or type_.endswith("!")}
    declared = ", ".join(f"${variable}: {type_}" for variable, type_ in used.items())
    passed = ", ".join(f"{variable}: ${variable}" for variable in used)
    return operation(f"{kind} {name}({declared}) {{ {field}({passed}) {{ {selection} }} }}")
