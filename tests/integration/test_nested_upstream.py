"""Extremely nested answers of the upstream: a typed error, or the parts that are not nested."""

import json

import pytest

from .conftest import DETECTIONS, REPORTING

STATS, NATIVE = "/api/v4/reporting/stats", "/api/v3/graphql"
# orjson reads 1,024 levels and writes 254; Python's own stack ends at about a thousand.
LEVELS = (253, 255, 1022, 1024, 100_000)
CODES = {"UPSTREAM_INVALID_RESPONSE"}
SPAN = 'start: "2026-11-02T10:00:00Z", stop: "2026-11-02T10:10:00Z"'
REPORT = "{ report(filter: {%s, measurements: [presence]}%s) { %s } }"
DETECTED = '{ detections(filter: {%s, mac_addresses: ["m1"]}%s) { %s } }'
GROUPED = ', group_by: {order: ["room_id"]}'
OPERATIONS = [
    REPORT % (SPAN, "", "data"),
    REPORT % (SPAN, "", "rows { value room_id }"),
    REPORT % (SPAN, "", "series { values } rows { value } data"),
    REPORT % (SPAN, GROUPED, "data"),
    REPORT % (SPAN, GROUPED, "groups { value time } rows { value }"),
    DETECTED % (SPAN, "", "detections_local { value }"),
    DETECTED % (SPAN, "", "detections_world { value } heatmap"),
    DETECTED % (SPAN, "", "heatmap"),
    DETECTED % (SPAN, ", window: {heatmap_v2_options: {grid_resolution: 0.5}}", "heatmap_v2"),
    f'{{ stats(measurements: [occupancy_avg_presence], items: ["room_1"], {SPAN}) {{ values {{ value }} }} }}',
]


def brackets(levels):
    return "[" * levels + "]" * levels


def braces(levels):
    return '{"a":' * levels + "1" + "}" * levels


def bodies(nested):
    """Answers of each call with something nested at each place where there is something."""
    row = '{"time":"2026-11-02T10:00:00Z","value":1,"measurement":"presence","field":"occupancy","room_id":"room_1"'
    return {
        REPORTING: [
            f'{{"data":{nested}}}',
            f'{{"data":[{row},"unknown":{nested}}}]}}',
            f'{{"data":[{row},"sensor_id":{nested}}}]}}',
            '{{"data":[{}],"page_info":{}}}'.format(row + "}", nested),
            f'{{"data":[],"unknown":{nested}}}',
            f'{{"data":{{"room_1":{nested}}}}}',
            f'{{"data":{{"room_1":{{"median":1,"mean":{nested}}}}}}}',
        ],
        DETECTIONS: [
            nested,
            f'{{"heatmap":{nested},"heatmap_v2":{nested},"detections_local":[],"detections_world":[]}}',
            f'{{"detections_local":{nested},"detections_world":{nested}}}',
            f'{{"detections_local":[{{"mac_address":"m1","start_time":1793613600000,"value":{nested}}}]}}',
            f'{{"data":{nested}}}',
        ],
        STATS: [nested, f'{{"data":{nested}}}', f'{{"data":{{"room_1":{{"occupancy_avg_presence":{nested}}}}}}}'],
    }


@pytest.mark.parametrize("make", [brackets, braces])
@pytest.mark.parametrize("levels", LEVELS)
def test_an_answer_nested_deep_is_a_typed_error_or_read_around(facade_of_stand_in, stand_in, any_token, make, levels):
    headers = {"Authorization": f"Bearer {any_token}", "Cache-Control": "no-cache"}
    made = bodies(make(levels))
    for at in range(max(map(len, made.values()))):
        for path, choices in made.items():
            stand_in.answers(path, choices[min(at, len(choices) - 1)])
        for operation in OPERATIONS:
            answer = facade_of_stand_in.request("POST", "/graphql", json={"query": operation}, headers=headers)
            assert answer.status_code == 200, (operation, at, answer.text[:300])
            codes = {error["extensions"]["code"] for error in answer.json().get("errors", ())}
            assert codes <= CODES, (operation, at, answer.text[:300])


REST = {
    REPORTING: {
        "filter": {"start": "2026-11-02T10:00:00Z", "stop": "2026-11-02T10:10:00Z", "measurements": ["presence"]}
    },
    DETECTIONS: {
        "data_types": ["heatmap", "detections_local"],
        "filter": {"start": "2026-11-02T10:00:00Z", "stop": "2026-11-02T10:10:00Z", "mac_addresses": ["m1"]},
    },
    STATS: {
        "measurements": ["occupancy_avg_presence"],
        "items": ["room_1"],
        "start": "2026-11-02",
        "stop": "2026-11-03",
    },
}


@pytest.mark.parametrize("levels", LEVELS)
def test_by_rest_it_is_passed_on_or_a_502(facade_of_stand_in, stand_in, any_token, levels):
    headers = {"Authorization": f"Bearer {any_token}", "Cache-Control": "no-cache"}
    for path, choices in bodies(brackets(levels)).items():
        for body in choices:
            stand_in.answers(path, body)
            answer = facade_of_stand_in.request("POST", path, content=json.dumps(REST[path]), headers=headers)
            assert answer.status_code in (200, 502), (path, body[:100], answer.text[:300])
            assert answer.status_code == 502 or answer.text == body


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("make", [brackets, braces])
def test_a_login_nested_deep_is_a_typed_error(facade_of_stand_in, stand_in, any_token, make, levels):
    nested = make(levels)
    login = 'mutation { clientLogin(client_id: "a", client_secret: "b") { access_token scope } }'
    for body in (nested, f'{{"access_token":{nested}}}', f'{{"access_token":"t","expires_in":1,"more":{nested}}}'):
        for status in (200, 401, 500):
            stand_in.logins = body, status
            answer = facade_of_stand_in.request("POST", "/graphql", json={"query": login})
            assert answer.status_code == 200
            codes = {error["extensions"]["code"] for error in answer.json().get("errors", ())}
            assert "INTERNAL_SERVER_ERROR" not in codes, (body[:100], status, answer.text[:300])
            rest = facade_of_stand_in.request("POST", "/api/v2/clients/login", json={"client_id": "a"})
            assert rest.status_code in (200, 401, 500, 502, 503), (body[:100], status, rest.text[:300])
            assert "INTERNAL" not in rest.text
