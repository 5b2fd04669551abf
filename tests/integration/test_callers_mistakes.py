"""A caller's mistakes are typed errors with a status below 500, and the other fields have data."""

import base64
import json

import pytest

JSON = {"Content-Type": "application/json"}
SPAN = 'start: "-1h", measurements: [traffic]'
HEATMAP = '{ detections(filter: {start: "-1h", room_id: "x"}, window: {heatmap_v2_options: %s}) { heatmap_v2 } }'
# In each a variable stands where it may only stand because it has a default.
WITH_DEFAULT = [
    ('Time = "-1h"', "sensors { data { report(start: $given) { rows { time } } } }"),
    ('Time = "-1h"', "report(filter: {start: $given}) { rows { time } }"),
    ('Duration = "5m"', 'report(filter: {start: "-1h"}, window: {every: $given}) { rows { time } }'),
    ('Time = "-1h"', "sensors { data { detections(start: $given) { detections_local { value } } } }"),
    ("Boolean = true", "sensors @include(if: $given) { data { id } }"),
    ("Boolean = true", "sensors { data { id name @skip(if: $given) } }"),
    (
        "Boolean = true",
        "report(filter: {AT_WORK, measurements: [presence]}) { rows { time value @include(if: $given) } }",
    ),
    ('ReportFilter = {start: "-1h"}', "report(filter: $given) { rows { time } }"),
    ('ID = "x"', "node(id: $given) { id }"),
    (
        'Time = "-1h"',
        'stats(measurements: [occupancy_avg_presence], items: ["room_1"], start: $given, stop: "now") { item }',
    ),
    ('String = "x"', "__type(name: $given) { name }"),
    ('Time = "-1h"', "detections(filter: {start: $given}) { detections_local { value } }"),
]
NEAR_THE_ENDS = [
    '{ report(filter: {start: "-999999999w"}) { rows { time } } }',
    '{ report(filter: {start: "-99999M"}) { rows { time } } }',
    '{ detections(filter: {start: "-999999999w", room_id: "x"}) { detections_local { value } } }',
    (
        '{ stats(measurements: [occupancy_avg_presence], items: ["room_1"], start: "-999999999w", stop: "-99999M")'
        " { item } }"
    ),
    f'{{ report(filter: {{{SPAN}}}, window: {{every: "999999999w"}}) {{ rows {{ time }} }} }}',
    f'{{ report(filter: {{{SPAN}}}, window: {{every: "999999999M"}}) {{ rows {{ time }} }} }}',
    f'{{ report(filter: {{{SPAN}}}, window: {{every: "5m", offset: "999999999w"}}) {{ rows {{ time }} }} }}',
    f'{{ report(filter: {{{SPAN}}}, window: {{every: "5m", timezone: "../../etc/passwd"}}) {{ rows {{ time }} }} }}',
]
# Times that can be told, so that the upstream may have an answer to them.
AT_THE_ENDS = [
    (
        '{ report(filter: {start: "0001-01-01T00:00:00Z", stop: "0001-01-02T00:00:00Z", measurements: [traffic]},'
        ' window: {every: "1w", timezone: "America/New_York"}) { rows { time } } }'
    ),
    (
        '{ report(filter: {start: "9999-12-30T00:00:00Z", stop: "9999-12-31T23:59:59Z", measurements: [traffic]},'
        ' window: {every: "1w", timezone: "Asia/Tokyo"}) { rows { time } } }'
    ),
]
OF_THE_CALLER = {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "QUERY_TOO_COMPLEX"}


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


def codes(answer) -> set[str]:
    assert answer.status_code in (200, 400), answer.text
    return {error["extensions"]["code"] for error in answer.json().get("errors", ())}


@pytest.mark.parametrize("query", NEAR_THE_ENDS)
def test_times_beyond_the_calendar_are_refused(facade, token, query):
    assert codes(facade.post(query, token=token)) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("query", AT_THE_ENDS)
def test_times_at_the_ends_of_the_calendar_are_answered_or_refused(facade, token, query):
    assert codes(facade.post(query, token=token)) <= {"BAD_USER_INPUT"}


@pytest.mark.parametrize(("type_", "selection"), WITH_DEFAULT)
def test_null_for_a_variable_with_a_default_is_refused(facade, token, at_work, type_, selection):
    # When there are rows.
    span = ", ".join(f"{name}: {json.dumps(time)}" for name, time in at_work().items())
    selection = selection.replace("AT_WORK", span)
    answer = facade.post(f"query ($given: {type_}) {{ {selection} }}", {"given": None}, token=token)
    assert codes(answer) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "representations",
    [["x"], [5, [], None], [{"__typename": "Nope", "id": 1}], [{"__typename": ["Sensor"], "id": {"a": 1}}]],
)
def test_entities_of_no_kind_fail_alone(facade, token, representations):
    answer = facade.post(
        "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } sensors { data { id } } }",
        {"r": representations},
        token=token,
    )
    assert codes(answer) == {"BAD_USER_INPUT"}
    data = answer.json().get("data")
    # A null within is no representation of the type, and nothing runs.
    assert data is None if None in representations else data["sensors"]["data"]


@pytest.mark.parametrize(
    "cursor",
    [
        *(base64.urlsafe_b64encode(f"row:{'9' * digits}".encode()).decode() for digits in (30, 5_000)),
        base64.urlsafe_b64encode(b"row:-1").decode(),
        "é",
        "row:",
        "x",
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused(facade, token, cursor):
    query = """query ($after: String) { report(filter: {start: "-1h", measurements: [traffic]}) {
      rows_connection(first: 5, after: $after) { edges { cursor } } } }"""
    assert codes(facade.post(query, {"after": cursor}, token=token)) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("levels", [300, 600, 5_000])
def test_json_that_nests_too_deep_is_refused_wherever_it_is_read(facade, token, levels):
    query = "query ($o: JSON) " + HEATMAP % "$o"
    texts = [
        json.dumps({"query": HEATMAP % f"{{a: {deep(levels)}}}"}),
        json.dumps({"query": query, "variables": {"o": 0}}).replace('"o": 0', f'"o": {{"a": {deep(levels)}}}'),
        json.dumps({"query": "{ __typename }", "extensions": 0}).replace(": 0", f": {deep(levels)}"),
    ]
    for text in texts:
        answer = facade.request("POST", "/graphql", content=text, headers={**JSON, "Authorization": f"Bearer {token}"})
        assert codes(answer) <= OF_THE_CALLER, text[:80]
        assert codes(answer), text[:80]
    for path in ("/api/v3/reporting", "/api/v3/detections", "/api/v4/reporting/stats"):
        for body in ('{"filter": {"start": "-1h", "x": %s}}', '{"items": ["a"], "measurements": [], "f": %s}'):
            answer = facade.request(
                "POST", path, content=body % deep(levels), headers={**JSON, "Authorization": f"Bearer {token}"}
            )
            assert answer.status_code == 400, (path, answer.text)
            assert "nests too deep" in answer.json()["message"]
    for text in (
        json.dumps({"text": f'POST /api/v3/reporting\n\n{{"filter": {deep(levels)}}}'}),
        f'{{"text": {deep(levels)}}}',
    ):
        answer = facade.request("POST", "/graphiql/translate", content=text, headers=JSON)
        assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize(
    "given",
    [
        {"filter": {"start": "-999999999w", "stop": "-99999M", "measurements": ["traffic"]}},
        {"filter": {"start": "-1h", "measurements": ["traffic"]}, "window": {"every": "999999999w"}},
        {"filter": {"start": "-1h"}, "window": {"every": "5m", "offset": "999999999M", "timezone": "x" * 9_999}},
        {"filter": {"start": 10**400}},
        {"filter": {"start": -1e308}},
        {"filter": {"start": "9999-12-31T23:59:59Z", "stop": "9999-12-31T23:59:59Z"}, "window": {"every": "1w"}},
    ],
)
@pytest.mark.parametrize("path", ["/api/v3/reporting", "/api/v3/detections", "/api/v4/reporting/stats"])
def test_rest_bodies_with_times_that_are_none_are_refused(facade, token, path, given):
    body = given
    if "stats" in path:
        body = {**given["filter"], "items": ["room_x"], "measurements": ["occupancy_avg_presence"]}
    answer = facade.request("POST", path, json=body, headers={"Authorization": f"Bearer {token}"})
    # The sandbox may have an answer to a time that it can tell.
    assert answer.status_code in (200, 400), answer.text
    assert answer.status_code == 200 or answer.json()["message"]


def test_no_ids_are_none_below_a_place_as_at_the_root(facade, token):
    found = facade.data(
        """{ floors { data { rooms(ids: []) { id } zones(ids: []) { id } } }
             rooms(ids: []) { data { id } } sensors(ids: []) { data { id } } }""",
        token=token,
    )
    assert found["floors"]["data"]
    assert found["rooms"]["data"] == found["sensors"]["data"] == []
    for floor in found["floors"]["data"]:
        assert [place for places in floor.values() for place in places] == []
