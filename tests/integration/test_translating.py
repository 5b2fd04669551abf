"""How GraphiQL's page translates a pasted REST request."""

import json

import pytest

PATH = "/graphiql/translate"
# Not of a kind that could be a word of an answer.
TOKEN = "zq7-token-of-mine"


@pytest.fixture
def translate(facade):
    def post(text, of=facade, **headers):
        return of.request("POST", PATH, json={"text": text}, headers=headers)

    return post


def curl(path, body=None, *headers):
    lines = [f"curl 'https://api.butlr.io{path}'", *(f"-H '{header}'" for header in headers)]
    return " \\\n  ".join([*lines, *([f"--data-raw '{json.dumps(body)}'"] if body else [])])


def test_a_curl_line_becomes_the_operation_that_runs_as_the_call_does(translate, facade, token):
    answer = translate(curl("/api/v2/hives"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert made.keys() == {"query", "variables", "left_out"}
    assert made["left_out"] == []
    rows = facade.request("GET", "/api/v2/hives", headers={"Authorization": f"Bearer {token}"}).json()["data"]
    hives = facade.data(made["query"], made["variables"], token=token)["hives"]["data"]
    assert [hive["serialNumber"] for hive in hives] == [row["serial_number"] for row in rows] != []


@pytest.mark.parametrize(
    "text",
    [
        curl("/api/v3/reporting", {"filter": {"start": "-1d"}}),
        'POST https://api.butlr.io/api/v3/reporting\nContent-Type: application/json\n\n{"filter": {"start": "-1d"}}',
        '{"path": "/api/v3/reporting", "body": {"filter": {"start": "-1d"}}}',
    ],
    ids=["curl", "http", "json"],
)
def test_every_form_of_a_request_is_taken(translate, text):
    made = translate(text).json()
    assert made["query"].startswith("query Report($filter: ReportFilter!)")
    assert made["variables"] == {"filter": {"start": "-1d"}}


def test_what_authorizes_the_request_is_left_out_said_and_not_logged(translate, launch, sandbox):
    facade = launch.facade(sandbox.url)
    body = {"username": "a@example.com", "password": TOKEN}
    for text, left_out in (
        (curl("/api/v2/sensors", None, f"Authorization: Bearer {TOKEN}"), ["authorization"]),
        (curl("/api/v2/login", body), ["password"]),
        (curl("/api/v2/login", body, f"X-API-Key: {TOKEN}"), ["authorization", "password"]),
        (curl("/api/v2/clients/login", {"client_id": "c", "client_secret": TOKEN}), ["client_secret"]),
    ):
        answer = translate(text, of=facade)
        assert answer.json()["left_out"] == left_out
        assert TOKEN not in answer.text
    facade.stop()
    assert TOKEN not in facade.log()


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "UNREADABLE", "nothing to translate"),
        ("sing a song", "UNREADABLE", "neither a curl command"),
        (f"curl -H 'Authorization: Bearer {TOKEN} https://api.butlr.io/api/v2/hives", "UNREADABLE", "in line 1"),
        (curl("/api/v2/hives") + "\n" + curl("/api/v2/sensors"), "UNREADABLE", "It holds 2 requests"),
        (curl(f"/api/v2/hives?access_token={TOKEN}"), "UNTRANSLATABLE", "what `access_token` means"),
        (curl("/api/v3/reporting", {"filter": {"start": "-1d"}, TOKEN[:3]: 1}), "UNTRANSLATABLE", "not a known field"),
        (curl("/api/v2/spaces/space_1/fixtures"), "UNTRANSLATABLE", "ended on 20 September 2024"),
        ("curl -X DELETE https://api.butlr.io/api/v2/hives/hive_1", "UNTRANSLATABLE", "this facade only reads"),
    ],
)
def test_what_has_no_equal_is_refused_with_its_reason(translate, text, code, says):
    answer = translate(text)
    assert answer.status_code == 422
    assert answer.json()["code"] == code
    assert says in answer.json()["message"]
    assert TOKEN not in answer.text


def test_names_of_a_schema_that_is_not_told_are_not_suggested(translate, launch, sandbox):
    frugal = launch.facade(sandbox.url, FACADE_INTROSPECTION="false")
    text = curl("/api/v3/reporting", {"filter": {"start": "-1d", "room": {"eq": ["room_1"]}}})
    assert "Did you mean" in translate(text).json()["message"]
    assert "Did you mean" not in translate(text, of=frugal).json()["message"]


def test_a_body_that_is_no_text_is_refused(facade):
    for content, content_type, status in (
        ('{"text": "x"}', "text/plain", 415),
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ('{"text": 5}', "application/json", 400),
        (json.dumps({"text": "x" * 2**20}), "application/json", 413),
        (json.dumps({"text": "x" * (2**16 + 1)}), "application/json", 413),
    ):
        answer = facade.request("POST", PATH, content=content, headers={"Content-Type": content_type})
        assert answer.status_code == status
        assert answer.json()["message"]


def test_a_text_of_64_kb_is_taken_however_it_is_escaped(translate, facade):
    line = curl("/api/v2/hives")
    padded = line + "\n#" + "é" * ((2**16 - len(line) - 2) // 2)
    assert translate(padded).status_code == 200
    assert facade.request("POST", PATH, json={"text": padded + "é"}).status_code == 413


def test_it_is_not_there_without_the_page(launch, sandbox, translate):
    without = launch.facade(sandbox.url, FACADE_GRAPHIQL="false")
    assert translate(curl("/api/v2/hives"), of=without).status_code == 404
    without.stop()


def test_it_counts_against_the_rate_limit(launch, sandbox, translate):
    limited = launch.facade(sandbox.url, FACADE_RATE_LIMIT="2/minute")
    answers = [translate(curl("/api/v2/hives"), of=limited) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["code"] == "RATE_LIMITED"
    assert int(answers[-1].headers["retry-after"]) > 0
    limited.stop()
