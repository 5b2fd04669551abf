"""The forms that requests come in."""

import json
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.legacy import Unreadable
from facade.legacy.pasted import read
from facade.legacy.rest_request import RestRequest

URL = "https://api.butlr.io/api/v3/reporting"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON).map(json.dumps)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE"])


def requests(text):
    return read(text)[0]


def refusal(text):
    """What is said of a text that cannot be read; None where it can."""
    try:
        read(text)
    except Unreadable as exc:
        return str(exc)
    return None


@settings(deadline=None)
@given(METHODS, BODIES, st.sampled_from(["-d", "--data", "--data-raw", "--data-binary", "--json"]), st.booleans())
def test_a_curl_line_comes_back(method, body, option, broken):
    words = ["curl", "-sS", "-X", method, URL, "-H", "Content-Type: application/json", option, body]
    line = " \\\n  ".join(map(shlex.quote, words)) if broken else shlex.join(words)
    assert requests(line) == [RestRequest(method, URL, body)]


@settings(deadline=None)
@given(st.lists(st.tuples(METHODS, BODIES), min_size=1, max_size=4))
def test_an_http_file_comes_back(calls):
    text = "\n###\n".join(
        f"{method} {URL} HTTP/1.1\nHost: api.butlr.io\nContent-Type: application/json\n\n{body}\n"
        for method, body in calls
    )
    assert requests(text) == [RestRequest(method, URL, body) for method, body in calls]


@settings(deadline=None)
@given(METHODS, BODIES)
def test_a_json_body_with_its_path_comes_back(method, body):
    [request] = requests(json.dumps({"method": method, "path": URL, "body": json.loads(body)}))
    assert (request.method, request.url, json.loads(request.body)) == (method, URL, json.loads(body))


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text):
    assert refusal(text) or requests(text)


@settings(deadline=None)
@given(st.text(alphabet="curl -dX'\"\\$#;&@{}/\n \t", max_size=60))
def test_any_command_line_is_read_or_refused(text):
    assert refusal("curl " + text) or requests("curl " + text)


@pytest.mark.parametrize(
    ("line", "method", "url", "body"),
    [
        ("curl -XPOST x/y -d1", "POST", "x/y", "1"),
        ("curl x/y", "GET", "x/y", None),
        ("curl -I x/y", "HEAD", "x/y", None),
        ("curl --url x/y --data 1 -d 2", "POST", "x/y", "1&2"),
        ("curl x/y --data-urlencode 'p=a&b' -d q=1", "POST", "x/y", "p=a%26b&q=1"),
        ("curl -G x/y -d a=1 -d b=2", "GET", "x/y?a=1&b=2", None),
        ("curl -u me:secret -o out.json --max-time 3 x/y", "GET", "x/y", None),
        ("curl --compressed -k -L x/y", "GET", "x/y", None),
        ("curl -sSfLXPUT x/y", "PUT", "x/y", None),
        ("$ /usr/bin/curl x/y", "GET", "x/y", None),
        ("TOKEN=1 curl x/y | jq '.a > 1'", "GET", "x/y", None),
    ],
)
def test_options_of_curl_mean_what_they_mean_there(line, method, url, body):
    assert requests(line) == [RestRequest(method, url, body)]


@pytest.mark.parametrize("option", ["-d", "--data", "--json", "--data-binary"])
def test_a_body_in_a_file_is_named(option):
    [request] = requests(f"curl x/y {option} @body.json")
    assert "in the file body.json" in request.problem
    assert requests("curl x/y --data-raw @body.json") == [RestRequest("POST", "x/y", "@body.json")]
    [request] = requests("POST /api/v3/reporting\n\n< ./body.json")
    assert "in the file ./body.json" in request.problem


def test_a_form_upload_is_named():
    [request] = requests("curl -F a=@b x/y")
    assert "form or a file" in request.problem


HTTP = """
@host = https://api.butlr.io
# all of ours

### Hives
GET {{host}}/api/v2/hives
Authorization: Bearer {{token}}

###
// @name stats
POST {{host}}/api/v4/reporting/stats
    ?a=1
    &b=2
Content-Type: application/json

{
  "items": []
}

> {% client.log(response) %}
"""


def test_http_files_of_editors_are_read():
    assert requests(HTTP) == [
        RestRequest("GET", "https://api.butlr.io/api/v2/hives", None, "Hives"),
        RestRequest("POST", "https://api.butlr.io/api/v4/reporting/stats?a=1&b=2", '{\n  "items": []\n}', "stats"),
    ]


def test_a_path_above_a_body_is_a_post():
    assert requests('/api/v3/reporting\n{"filter": {}}') == [RestRequest("POST", "/api/v3/reporting", '{"filter": {}}')]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://api.butlr.io/api/v2/sensors?x=1#y", "/api/v2/sensors"),
        ("{{baseUrl}}/api/v2/sensors/{{id}}", "/api/v2/sensors/{{id}}"),
        ("$BASE/api/v2/hives", "/api/v2/hives"),
        ("localhost:8000/api/v2/hives", "/api/v2/hives"),
        ("/api/v2/sensors/00:17", "/api/v2/sensors/00:17"),
        ("https://api.butlr.io", ""),
    ],
)
def test_the_path_of_a_url_needs_no_host(url, path):
    assert RestRequest("GET", url).path == path


def postman(*items, **rest):
    return json.dumps({"info": {}, "item": list(items), **rest})


def test_a_collection_names_requests_by_their_folders():
    text = postman(
        {"name": "A", "item": [{"name": "B", "item": [{"name": "C", "request": "https://h/{{v}}/hives"}]}]},
        {"name": "D", "request": {"url": {"host": ["h", "io"], "path": ["api", ":id"], "query": [{"key": "a"}]}}},
        variable=[{"key": "v", "value": "{{w}}"}, {"key": "w", "value": "api/v2"}],
    )
    found, listed = read(text)
    assert listed
    assert found == [
        RestRequest("GET", "https://h/api/v2/hives", None, "A / B / C"),
        RestRequest("GET", "h.io/api/:id", None, "D"),
    ]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"mode": "raw", "raw": '{"a": "{{x}}"}'}, '{"a": "&1"}'),
        ({"mode": "raw", "raw": ""}, None),
        ({"mode": "raw", "raw": "{}", "disabled": True}, None),
        (
            {
                "mode": "urlencoded",
                "urlencoded": [{"key": "a", "value": "{{x}}"}, {"key": "b", "value": "", "disabled": True}],
            },
            "a=%261",
        ),
        ({"mode": "graphql", "graphql": {"query": "{ a }"}}, '{"query": "{ a }", "variables": {}}'),
        (None, None),
    ],
)
def test_bodies_of_a_collection_are_read_with_their_variables(body, text):
    item = {"name": "A", "request": {"method": "POST", "url": "x/y", "body": body}}
    assert requests(postman(item, variable=[{"key": "x", "value": "&1"}])) == [RestRequest("POST", "x/y", text, "A")]


@settings(deadline=None)
@given(JSON)
def test_a_collection_of_whatever_is_read_or_refused(item):
    text = postman(item, {"name": "n", "request": item}, {"request": {"url": item, "body": item}})
    assert refusal(text) or requests(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing to translate"),
        ("[]", "list is empty"),
        ("{", "not JSON"),
        ("[1]", "needs its path"),
        ('{"item": []}', "contains no request"),
        ("###", "contains no request"),
        ("curl -s", "names no URL"),
        ("hello there", "neither a curl command"),
    ],
)
def test_what_holds_no_request_is_refused_by_name(text, says):
    with pytest.raises(Unreadable, match=says):
        read(text)


@pytest.mark.parametrize(
    ("text", "authorized"),
    [
        ("curl -H 'Authorization: Bearer abc' x/y", True),
        ("curl -H 'authorization:Bearer abc' x/y", True),
        ("curl --header 'X-API-Key: abc' x/y", True),
        ("curl -u me:secret x/y", True),
        ("curl --oauth2-bearer abc x/y", True),
        ("curl -H 'Accept: text/html' x/y", False),
        ("GET /x\nAuthorization: Bearer abc\nAccept: text/html", True),
        ("GET /x\nAccept: text/html", False),
        (postman({"name": "n", "request": {"url": "x/y", "header": [{"key": "Cookie", "value": "a=b"}]}}), True),
        (postman({"name": "n", "request": {"url": "x/y", "header": [{"key": "Accept", "value": "a/b"}]}}), False),
    ],
)
def test_a_request_says_whether_it_brought_credentials_and_never_which(text, authorized):
    [request] = requests(text)
    assert request.authorized is authorized
    assert "abc" not in repr(request)
    assert "secret" not in repr(request)


LINES = {
    "lines": "a" + "\n" * 200_000 + "b",
    "assignments": "a=1\n" * 50_000,
    "blanks in a variable": "POST /x\n\n{{" + " " * 200_000,
    "quotes": "curl " + "'a" * 20_000,
    "slashes": "/" * 200_000,
    "empty quotes": "curl x/y -d " + "''" * 400_000,
    "comment lines": "#\n" * 400_000 + "x",
    "comment lines of JSON": "// POST x\n" + "/*x*/\n" * 100_000 + "{",
    "open comments": "[" + "/*" * 200_000,
    "lines of a query": "GET /x\n" + "?a\n" * 200_000,
    "lines of headers": "GET /x\n" + "a: b\n" * 200_000,
    "continued lines": "curl x/y " + "\\\n" * 300_000,
    "carets": 'curl ^"' + "^" * 400_000,
    "caretted quotes": "curl ^" + '^"' * 200_000,
    "backticks": "irm x " + "`\n" * 300_000,
    "quotes of PowerShell": "irm x -Body " + "''" * 300_000,
    "open texts of PowerShell": "irm x " + "@'" * 200_000,
    "letters of a URL": "curl " + "a" * 200_000,
    "curls in a line": "curl " * 100_000 + "'",
    "open brackets": "irm x " + "(" * 300_000,
    "folders with variables": '{"item":[' + '{"item":[],"variable":[{"key":"a","value":"b"}]},' * 2_000 + "{}]}",
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", LINES)
def test_a_text_made_to_take_long_is_read_in_one_pass(name):
    assert refusal(LINES[name]) or requests(LINES[name])


@pytest.mark.timeout(120)
def test_values_that_grow_with_each_other_are_refused():
    grown = [f"@{name}=" + f"{{{{{following}}}}}" * 60 for name, following in ("ab", "bc", "cd", "de")]
    text = "\n".join([*grown, "@e=x", "POST /{{a}}"])
    with pytest.raises(Unreadable, match="longer than"):
        read(text)
