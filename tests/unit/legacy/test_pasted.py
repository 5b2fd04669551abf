"""Texts pasted from Windows, browsers, Butlr's samples and editors."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.legacy import Unreadable, translate
from facade.legacy.cmd import cmd_commands
from facade.legacy.comments import load_commented
from facade.legacy.http_file import LONGEST
from facade.legacy.pasted import read
from facade.legacy.powershell import powershell_words
from facade.legacy.rest_request import RestRequest

URL = "https://api.butlr.io/api/v3/reporting"
BODY = '{"filter": {"start": "-1d"}}'
SECRET = "hunter2-of-mine"


def requests(text):
    return read(text)[0]


def caretted(word):
    """As Chrome on Windows quotes a word for cmd."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return '^"' + "".join(char if char.isalnum() or char in " :/.-_" else f"^{char}" for char in escaped) + '^"'


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_curl_for_cmd_as_chrome_copies_it(end):
    lines = [f"curl {caretted(URL)}", f"-H {caretted('Authorization: Bearer x')}", f"--data-raw {caretted(BODY)}"]
    [request] = requests(f" ^{end}  ".join(lines))
    assert request == RestRequest("POST", URL, BODY)
    assert request.authorized


def test_curl_for_cmd_as_others_copy_it():
    escaped = BODY.replace('"', '\\"')
    assert requests(f'curl.exe "{URL}" ^\n  -H "a: b" ^\n  -d "{escaped}"') == [RestRequest("POST", URL, BODY)]
    doubled = BODY.replace('"', '""')
    assert requests(f'curl "{URL}" ^\n  -d "{doubled}"') == [RestRequest("POST", URL, BODY)]


def test_curl_in_powershell():
    escaped = BODY.replace('"', '`"')
    assert requests(f'curl.exe "{URL}" `\n  -H "a: b" `\n  -d "{escaped}"') == [RestRequest("POST", URL, BODY)]


POWERSHELL = """\
$session = New-Object Microsoft.PowerShell.Commands.WebRequestSession
$session.UserAgent = "Mozilla/5.0 (X; Y)"
Invoke-WebRequest -UseBasicParsing -Uri "https://api.butlr.io/api/v3/reporting" `
-Method "POST" `
-WebSession $session `
-Headers @{
"authority"="api.butlr.io"
  "authorization"="Bearer x"
} `
-ContentType "application/json" `
-Body "%s"
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_powershell_as_chrome_copies_it(end):
    text = POWERSHELL % BODY.replace('"', '`"')
    [request] = requests(text.replace("\n", end))
    assert request == RestRequest("POST", URL, BODY)
    assert request.authorized


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("irm https://h/api/v2/hives", RestRequest("GET", "https://h/api/v2/hives")),
        (f"$r = Invoke-RestMethod -Met post {URL} -Body '{BODY}'", RestRequest("POST", URL, BODY)),
        (f"$b = @'\n{BODY}\n'@\niwr -Uri:{URL} -Method POST -Body $b", RestRequest("POST", URL, BODY)),
        (
            f"iwr \"{URL}\" -Method POST -Body ([System.Text.Encoding]::UTF8.GetBytes('{BODY}'))",
            RestRequest("POST", URL, BODY),
        ),
    ],
)
def test_powershell_as_people_write_it(text, request_):
    assert requests(text) == [request_]


@pytest.mark.parametrize(
    "text",
    [
        f"irm {URL} -Method POST -Body (@{{a=1}} | ConvertTo-Json)",
        f"$b = @{{a=1}} | ConvertTo-Json\nirm {URL} -Method POST -Body $b",
    ],
)
def test_a_body_that_powershell_works_out_is_said(text):
    [request] = requests(text)
    assert "computed by PowerShell" in request.problem


@settings(deadline=None)
@given(st.text(alphabet="irm -Body`\"'@{}()$=;|#\n x", max_size=60))
def test_any_powershell_is_read_or_refused(text):
    try:
        found = requests("irm x/y " + text)
    except Unreadable:
        return
    assert found


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\x00\r\n", exclude_categories=["Cs"])), min_size=1))
def test_words_quoted_for_cmd_come_back(words):
    def quoted(word):
        # As Microsoft says that arguments are quoted: backslashes double before a quote.
        out, slashes = [], 0
        for char in word:
            if char == "\\":
                slashes += 1
                continue
            out.append("\\" * (slashes * 2 + 1) + '"' if char == '"' else "\\" * slashes + char)
            slashes = 0
        return '"' + "".join(out) + "\\" * slashes * 2 + '"'

    line = " ".join(map(quoted, words))
    assert list(cmd_commands("".join(f"^{char}" for char in line))) == [words]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), min_size=1))
def test_words_quoted_for_powershell_come_back(words):
    line = " ".join("'" + word.replace("'", "''") + "'" for word in words)
    assert list(powershell_words(line)) == [words]


SAMPLE = """\
// POST https://api.butlr.io/api/v3/reporting
/* occupancy of a day */
{
  "filter": { // whose
    "start": "-1d", /* a "quoted" note */
    "url": "http://x//y",
  }, // and no more
}
"""


def test_a_sample_of_butlrs_docs_is_read():
    [translation] = translate(SAMPLE.replace('    "url": "http://x//y",\n', ""))
    assert translation.variables == {"filter": {"start": "-1d"}}
    [request] = requests(SAMPLE)
    assert (request.method, request.url) == ("POST", URL)
    assert load_commented(request.body) == {"filter": {"start": "-1d", "url": "http://x//y"}}


def test_a_body_with_its_path_may_hold_comments():
    text = '{"path": "/api/v3/reporting", // the report\n "body": {"filter": {"start": "-1d"}}}'
    [translation] = translate(text)
    assert translation.variables == {"filter": {"start": "-1d"}}
    [translation] = translate(f'curl {URL} -d \'{{"filter": {{"start": "-1d"}} /* x */}}\'')
    assert translation.variables == {"filter": {"start": "-1d"}}


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON_TEXT = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON_TEXT)
def test_json_among_comments_is_what_it_is_without(value):
    text = json.dumps(value, indent=1).replace("\n", " // a \"note\n/* ' */")
    assert load_commented(text + "// end") == value


def test_comments_among_the_headers_of_an_http_file():
    text = f"POST {URL}\n# who asks\nAuthorization: Bearer x\n// how\nContent-Type: application/json\n\n{BODY}"
    [request] = requests(text)
    assert request == RestRequest("POST", URL, BODY)
    assert request.authorized


def test_a_collection_as_postmans_api_gives_it():
    found, listed = read(json.dumps({"collection": {"info": {}, "item": [{"name": "A", "request": URL}]}}))
    assert (found, listed) == ([RestRequest("GET", URL, None, "A")], True)


def entry(url, method="GET", text=None, **headers):
    asked = {
        "method": method,
        "url": url,
        "httpVersion": "HTTP/2",
        "headers": [{"name": n, "value": v} for n, v in headers.items()],
    }
    if text is not None:
        asked["postData"] = {"mimeType": "application/json", "text": text}
    return {"startedDateTime": "2026-01-01T00:00:00Z", "request": asked, "response": {"status": 200}}


def test_a_har_file_is_the_calls_in_it():
    entries = [
        entry("https://app.butlr.io/logo.png"),
        entry(URL, "OPTIONS"),
        entry(URL, "POST", BODY, authorization="Bearer x"),
    ]
    found, listed = read(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    assert (found, listed) == ([RestRequest("POST", URL, BODY)], True)
    assert found[0].authorized
    assert read(json.dumps(entries[2])) == ([RestRequest("POST", URL, BODY)], False)
    assert read(json.dumps(entries[2]["request"])) == ([RestRequest("POST", URL, BODY)], False)
    with pytest.raises(Unreadable, match="no call"):
        read(json.dumps({"log": {"entries": entries[:2]}}))


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("curl --netrc-file n x/y", RestRequest("GET", "x/y")),
        ("curl --aws-sigv4 a:b --retry 3 --rate 2/s x/y", RestRequest("GET", "x/y")),
        ("curl x/y --url-query 'a=b c' --url-query +d=%20", RestRequest("GET", "x/y?a=b%20c&d=%20")),
        ("curl x/y?z=1 --url-query a=b -d 1", RestRequest("POST", "x/y?z=1&a=b", "1")),
    ],
)
def test_valued_options_of_curl(line, request_):
    assert requests(line) == [request_]


@pytest.mark.parametrize(
    "text",
    [
        f"curl {URL} -d '{SECRET}'",
        f"curl {URL} -d '{{\"{SECRET}\": 1}}'",
        f'curl {URL} -d \'{{"filter": "{SECRET}"}}\'',
        f'curl {URL} -d \'{{"filter": {{"start": "{SECRET}"}}}}\'',
        f'curl {URL} -d \'{{"filter": {{"start": "-1d", "measurements": ["{SECRET}"], "{SECRET}": 1}}}}\'',
        f'curl https://api.butlr.io/api/v3/detections -d \'{{"data_types": ["{SECRET}"]}}\'',
        f'curl https://api.butlr.io/api/v2/login -d \'{{"username": "a", "password": {{"{SECRET}": 1}}}}\'',
        f"curl https://api.butlr.io/api/v2/login -H 'a: b' -d {SECRET}",
        f'curl https://api.butlr.io/api/v3/graphql -d \'{{"query": "{{ sensor(id: \\"{SECRET} }}"}}\'',
        f'curl https://api.butlr.io/api/v3/graphql -d \'{{"query": "{SECRET}", "variables": {{}}}}\'',
    ],
)
def test_no_message_quotes_a_body(text):
    [translation] = translate(text)
    assert translation.query is None
    assert SECRET not in translation.reason


@pytest.mark.parametrize("text", ["", "sing a song", "[1]"])
def test_a_text_that_is_not_read_is_told_what_is(text):
    with pytest.raises(Unreadable, match=r"Invoke-WebRequest.*Postman.*HAR"):
        read(text)


def test_what_variables_put_in_is_bounded_over_all_requests_of_a_text():
    value = "x" * (LONGEST // 100)
    text = f"@a={value}\n" + "###\n".join(["GET /{{a}}\n\n"] * 200)
    with pytest.raises(Unreadable, match="longer than"):
        read(text)


def test_tens_of_thousands_of_unknown_fields_are_said_in_few_words():
    body = json.dumps({"filter": {f"field_{number}": 1 for number in range(45_000)}})
    [translation] = translate(json.dumps({"path": "/api/v3/reporting", "body": json.loads(body)}))
    assert len(translation.reason) < 500
