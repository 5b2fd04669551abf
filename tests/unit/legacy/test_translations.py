import calendar
import json
from email.utils import parsedate

import pytest
from graphql import parse, validate
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.butlr import LOGIN_PATH, REPORTING_PATH
from facade.graph import build_schema
from facade.legacy import FIXTURES_ENDED, READS, V2_ENDED, V2Read, snippets, translate
from facade.legacy.operations import REPORT_VARIABLES
from facade.legacy.v2 import find

ANSWERS = [answer for read in READS if isinstance(read, V2Read) for answer in (read.answer, read.otherwise) if answer]


def call(path, body=None, method=None, **options):
    [translation] = translate(
        json.dumps({"path": path, "body": body, **({"method": method} if method else {})}), **options
    )
    return translation


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.operation.name)
def test_every_v2_operation_is_valid_and_named_once(answer):
    assert validate(build_schema(), parse(answer.operation.text)) == []
    assert [one.operation.name for one in ANSWERS].count(answer.operation.name) == 1


@pytest.mark.parametrize("ended", [V2_ENDED, FIXTURES_ENDED])
def test_deprecation_and_sunset_are_the_same_moment(ended):
    assert int(ended.deprecation.removeprefix("@")) == calendar.timegm(parsedate(ended.sunset))


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda id_: "/" not in id_ and "%" not in id_))
def test_whatever_an_id_is_it_comes_into_the_variables(id_):
    read, parameters = find(f"/api/v2/hives/{id_}")
    assert list(read.resolve(parameters).variables.values()) == [id_]


@pytest.mark.parametrize("prefix", ["/api", "", "https://api.butlr.io/api", "https://proxy.example/butlr/api"])
@pytest.mark.parametrize("end", ["", "/"])
def test_a_path_is_known_with_and_without_what_stands_before_it(prefix, end):
    assert call(f"{prefix}/v2/hives{end}").query.startswith("query HivesV2 {")


@settings(deadline=None)
@given(st.sets(st.sampled_from(sorted(REPORT_VARIABLES.keys() - {"filter"}))))
def test_a_report_declares_the_variables_that_are_given_and_no_other(names):
    values = {
        "group_by": {"order": ["room_id"]},
        "window": {"every": "1h"},
        "options": {"format": "json"},
        "paginate": {"page": 1},
        "calibration_points": [],
    }
    body = {"filter": {"start": "-1d"}, **{name: values[name] for name in names}}
    translation = call(REPORTING_PATH, body)
    assert translation.variables == body
    [operation] = parse(translation.query).definitions
    assert {one.variable.name.value for one in operation.variable_definitions} == body.keys()


def test_both_spellings_of_calibration_points_are_one_variable():
    points = [{"timestamp": "2025-01-01T00:00:00Z", "occupancy": 1}]
    body = {"filter": {"start": "-1d"}, "calibrationPoints": points}
    assert call(REPORTING_PATH, body).variables == {"filter": {"start": "-1d"}, "calibration_points": points}


def test_the_types_asked_for_become_fields_in_their_order():
    types = ["heatmap", "detections_world", "heatmap", "detections_local"]
    translation = call("/v3/detections", {"data_types": types, "filter": {"start": "-5m"}})
    [operation] = parse(translation.query).definitions
    [field] = operation.selection_set.selections
    assert [one.name.value for one in field.selection_set.selections] == [
        "heatmap",
        "detections_world",
        "detections_local",
    ]
    assert translation.variables == {"filter": {"start": "-5m"}}


def test_the_path_of_the_refresh_call_is_a_setting():
    body = {"client_id": "azp", "refresh_token": "v1.x"}
    assert call("/api/v2/login/refresh", body).query.startswith("mutation Refresh(")
    assert "not a known call of Butlr's REST API" in call("/api/v2/renew", body).reason
    assert call("/api/v2/renew", body, refresh_path="/api/v2/renew").variables == body


@pytest.mark.parametrize(
    ("path", "body", "method", "says"),
    [
        (REPORTING_PATH, None, "POST", "It has no body."),
        (REPORTING_PATH, "{", None, "Its body is not JSON"),
        (REPORTING_PATH, "a=1", None, "Its body is not JSON"),
        (REPORTING_PATH, [], None, "must be a JSON object"),
        (REPORTING_PATH, {}, None, "`filter` is missing"),
        (REPORTING_PATH, {"filter": {}}, None, "start"),
        (REPORTING_PATH, {"filter": {"start": "soon"}}, None, "is not a Time. It takes RFC 3339"),
        (REPORTING_PATH, {"filter": {"start": "-1d"}, "window": {"every": "often"}}, None, "is not a Duration"),
        (REPORTING_PATH, {"filter": {"start": "-1d"}, "window": {}}, None, "every"),
        (REPORTING_PATH, None, "GET", "takes POST, not GET"),
        ("/api/v3/detections", {"filter": {"start": "-1d"}}, None, "`data_types` must be a list of"),
        ("/api/v3/detections", {"data_types": [], "filter": {}}, None, "`data_types` must be a list of"),
        ("/api/v3/detections", {"data_types": ["heatmap"], "filter": {"rooms": {"eq": []}}}, None, "rooms"),
        ("/api/v4/reporting/stats", {"items": []}, None, "`measurements` is missing"),
        ("/api/v2/sensors", None, "OPTIONS", "takes GET, not OPTIONS"),
        ("/api/v2/sensors/{{id}}", None, None, "Put an id in place of {{id}}."),
        ("/api/v2/sensors/{id}", None, None, "Put an id in place of {id}."),
        ("/sensors", None, None, "has no version of the API"),
        ("/api/v9/moods", {}, None, "not a known call of Butlr's REST API"),
        ("/graphql", {"query": "{ x }"}, None, "It is GraphQL already"),
        ("/api/v3/graphql", {}, None, "needs `query`"),
        ("/api/v3/graphql", {"query": "{"}, None, "has a syntax error (line 1, column 2)"),
        ("/api/v3/graphql", {"query": "{ moods }"}, None, "Cannot query field 'moods'"),
        (LOGIN_PATH, {"username": "a"}, None, "has no `password`"),
        (
            LOGIN_PATH,
            {"username": "a", "password": "b", "otp": "c"},
            None,
            "number 3, which is not a known field",
        ),
    ],
)
def test_what_has_no_equal_has_a_reason(path, body, method, says):
    translation = call(path, body, method)
    assert translation.query is None
    assert says in translation.reason


@settings(deadline=None)
@given(st.one_of(st.integers(10**9, 10**12), st.lists(st.just("hunter2"), min_size=1)))
def test_no_reason_holds_a_secret(secret):
    reason = call(LOGIN_PATH, {"username": "a@b.c", "password": secret}).reason
    assert reason == "`password` must be a string."


def test_values_are_kept_as_they_were_given():
    body = {"username": " A@b.c ", "password": "p w"}
    assert call(LOGIN_PATH, body).variables == body


NASTY = '{ a(b: "`${1}` \\n \'x\' \\"\\"\\"") }'


def test_code_quotes_whatever_a_document_holds():
    code = snippets(NASTY, {"é": "it's\n`${x}`", "n": None, "t": True}, "http://h/graphql")
    namespace = {}
    assignments = code["Python"].split("\n\n")[2]
    exec(assignments, namespace)
    assert namespace["QUERY"] == NASTY
    assert namespace["VARIABLES"] == {"é": "it's\n`${x}`", "n": None, "t": True}
    assert "\\`\\${1}\\`" in code["fetch"]
