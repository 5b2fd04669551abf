"""GraphiQL's page in headless Chromium."""

import pytest
from playwright.sync_api import expect

from .conftest import SIZE

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("path", ["/graphql", "/api/v3/graphql"])
def test_a_newcomer_logs_in_runs_the_first_example_and_reads_its_answer(visit, facade, sandbox, path):
    response = visit.open(path)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy

    token = visit.log_in()
    assert token.count(".") == 2
    sandbox.forget_calls()
    with visit.page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        visit.run()
    assert answered.value.url == f"{facade.url}{path}"
    answer = answered.value.json()
    assert "errors" not in answer
    sensors = answer["data"]["sensors"]["data"]
    # What people do at this hour is not known here; that they were asked about is.
    assert all(sensor["report"]["series"] is not None for sensor in sensors)
    assert all(sensor["detections"]["detections_local"] is not None for sensor in sensors)
    sensor = sensors[0]
    visit.look("JSON")
    for text in (sensor["id"], sensor["mac_address"], sensor["hive"]["serialNumber"]):
        expect(visit.answer).to_contain_text(text)
    # What is heard, twice, and what is asked, at once.
    assert sorted(call["path"].rpartition("/")[2] for call in sandbox.calls(token)) == [
        "detections",
        "reporting",
        "reporting",
        "reporting",
    ]

    assert token not in visit.stored()
    assert "demo-password" not in visit.stored()
    assert visit.foreign == []
    assert visit.complaints == []


def test_without_a_token_the_page_shows_what_to_do(visit):
    visit.open("/graphql")
    visit.run()
    expect(visit.page.locator(".facade-causes")).to_contain_text("UNAUTHENTICATED")
    expect(visit.answer).to_contain_text("UNAUTHENTICATED")
    assert visit.foreign == []


def test_a_wrong_password_is_told_in_the_dialog(visit):
    visit.open("/graphql")
    visit.page.locator("#facade-login-open").click()
    visit.page.locator("#facade-login-username").fill("demo@example.com")
    visit.page.locator("#facade-login-password").fill("wrong")
    visit.page.locator("#facade-login-submit").click()
    expect(visit.page.locator("#facade-login-error")).to_contain_text("credentials")
    expect(visit.page.locator("#facade-token")).to_have_value("")


def test_a_client_logs_in_too(visit):
    visit.open("/graphql")
    visit.page.locator("#facade-login-open").click()
    visit.page.locator("#facade-client-id").fill("demo-client")
    visit.page.locator("#facade-client-secret").fill("demo-secret")
    visit.page.locator("#facade-client-submit").click()
    expect(visit.page.locator("#facade-status")).to_contain_text("Logged in until")
    assert "demo-secret" not in visit.stored()


def test_every_example_runs_without_an_error(visit):
    visit.open("/graphql")
    visit.log_in()
    visit.page.locator("#facade-examples-open").click()
    questions = visit.page.get_by_role("menuitem").all_inner_texts()
    visit.page.keyboard.press("Escape")
    assert len(questions) >= 6
    assert all("?" in question for question in questions)
    for question in questions:
        visit.example(question)
        for width in (1440, 1024):
            visit.page.set_viewport_size({"width": width, "height": 1400})
            # The editor draws a little after its size has changed.
            visit.page.wait_for_function(EDITOR_FITS)
        visit.page.set_viewport_size(SIZE)
        if question == LIVE:
            # A stream has no end, so that its body cannot be waited for.
            visit.run()
            expect(visit.page.locator(".facade-tiles button").first).to_be_visible()
            visit.run()
        else:
            answer = visit.answered()
            assert "errors" not in answer
            assert answer["data"]
    assert visit.complaints == []


# The example that subscribes.
LIVE = "People now: how full is each room, as it changes?"


# All lines of an example are shown, and nothing of them lies to the right of what the editor shows.
EDITOR_FITS = """() => {
  const editor = document.querySelector(".graphiql-query-editor .monaco-scrollable-element");
  const lines = [...editor.querySelectorAll(".view-line > span")];
  const right = editor.getBoundingClientRect().right;
  const lies = (line) => line.getBoundingClientRect().right <= right;
  return lines.some((line) => line.textContent === "}") && lines.every(lies);
}"""


TOKEN = "zq7-token-of-mine"
CURL = f"""curl 'https://api.butlr.io/api/v3/reporting' \\
  -H 'Authorization: Bearer {TOKEN}' \\
  --data-raw '{{"filter": {{"start": "-1d", "measurements": ["traffic"]}}, "window": {{"every": "1h"}}}}'"""


def paste(visit, text):
    """Paste into the query editor, as the browser does: the clipboard is not open to pages without a certificate."""
    visit.page.locator(".graphiql-query-editor .view-lines").click()
    visit.page.evaluate(
        """text => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", text);
          const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
          document.activeElement.dispatchEvent(event);
        }""",
        text,
    )


def test_a_curl_line_that_is_pasted_opens_its_operation_in_a_tab_and_leaves_the_token_behind(visit):
    visit.open("/graphql")
    visit.log_in()
    tabs = visit.page.locator(".graphiql-tab-button")
    with visit.page.expect_response("**/graphiql/translate") as translated:
        paste(visit, CURL)
    assert translated.value.status == 200
    query = visit.page.locator(".graphiql-query-editor .view-lines")
    expect(query).to_contain_text("query Report(")
    expect(tabs).to_have_count(2)
    expect(tabs.nth(1)).to_have_text("Report")
    expect(visit.page.locator("#facade-status")).to_contain_text("Left out: authorization")
    with visit.page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        visit.run()
    asked = answered.value.request.post_data_json
    assert asked["variables"] == {
        "filter": {"start": "-1d", "measurements": ["traffic"]},
        "window": {"every": "1h"},
    }
    assert "errors" not in answered.value.json()
    # What was there is there still.
    tabs.nth(0).click()
    expect(query).to_contain_text("FirstLook")
    # Tabs are stored half a second after the last change.
    visit.page.wait_for_function("() => JSON.parse(localStorage['graphiql:tabState']).tabs.length === 2")
    assert "Report" in visit.stored()
    assert TOKEN not in visit.stored()
    assert visit.foreign == []
    assert visit.complaints == []


def test_an_empty_tab_is_taken_and_other_text_is_pasted_as_it_is(visit):
    visit.open("/graphql")
    tabs = visit.page.locator(".graphiql-tab-button")
    query = visit.page.locator(".graphiql-query-editor .view-lines")
    visit.page.get_by_role("button", name="New tab").click()
    expect(tabs).to_have_count(2)
    paste(visit, "curl https://api.butlr.io/api/v2/hives")
    expect(query).to_contain_text("query HivesV2")
    expect(tabs).to_have_count(2)
    paste(visit, "{ sites { data { name } } }")
    expect(query).to_contain_text("sites")
    expect(tabs).to_have_count(2)


def test_the_dialog_needs_no_mouse_and_says_why_a_call_has_no_equal(visit):
    visit.open("/graphql")
    visit.page.locator("#facade-rest-open").focus()
    visit.page.keyboard.press("Enter")
    text = visit.page.locator("#facade-rest-text")
    expect(text).to_be_focused()
    visit.page.keyboard.insert_text("DELETE https://api.butlr.io/api/v2/hives/hive_1")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("#facade-rest-error")).to_contain_text("this facade only reads")
    text.press("Control+A")
    visit.page.keyboard.insert_text("GET https://api.butlr.io/api/v2/hives/hive_1")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    expect(text).not_to_be_visible()
    expect(visit.page.locator(".graphiql-query-editor .view-lines")).to_contain_text("query HiveV2")
    expect(visit.page.locator(".graphiql-tab-button")).to_have_count(2)


def test_what_is_pasted_and_cannot_be_translated_is_kept_to_be_mended(visit):
    visit.open("/graphql")
    paste(visit, "GET /api/v2/moods")
    expect(visit.page.locator("#facade-rest-error")).to_contain_text("not a known call of Butlr's REST API")
    expect(visit.page.locator("#facade-rest-text")).to_have_value("GET /api/v2/moods")
    expect(visit.page.locator(".graphiql-tab-button")).to_have_count(1)
    visit.page.keyboard.press("Escape")
    expect(visit.page.locator("#facade-rest-text")).not_to_be_visible()
