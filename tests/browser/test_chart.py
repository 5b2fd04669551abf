"""The chart of a tool's series, in a frame of a page that acts as an assistant's application."""

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

# What an application does: it greets back, gives the arguments and the result, and follows the size.
HOST = """<!doctype html><title>Assistant</title>
<style>body { margin: 0; font: 14px system-ui } iframe { border: 0; width: 100%; height: 60px }</style>
<iframe id="view" sandbox="allow-scripts"></iframe>
<script>
  window.heard = [];
  const send = (message) => view.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*");
  const tell = (method, params) => send({ method: `ui/notifications/${method}`, params });
  addEventListener("message", ({ source, data }) => {
    if (source !== view.contentWindow) return;
    heard.push(data);
    if (data.method === "ui/initialize") {
      send({ id: data.id, result: {
        protocolVersion: data.params.protocolVersion, hostInfo: { name: "host", version: "1" },
        hostCapabilities: {}, hostContext: { theme: "dark", displayMode: "inline" },
      } });
    }
    if (data.method === "ui/notifications/initialized") {
      tell("tool-input", { arguments: {} });
      tell("tool-result", shown);
    }
    if (data.method === "ui/notifications/size-changed") view.style.height = `${data.params.height}px`;
  });
</script>"""
HOSTILE = '<img src="https://elsewhere.example/x.png" onerror="parent.postMessage(1, `*`)">'


@pytest.fixture(scope="module")
def assistant(launch, sandbox_process):
    """Calls the server for assistants as their applications do, by HTTP alone."""
    facade = launch.facade(sandbox_process.url, FACADE_MCP="true", FACADE_ASSETS="native")
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-06-18",
        "Authorization": f"Bearer {sandbox_process.login()}",
    }

    def call(method, **params):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return facade.request("POST", "/mcp", json=body, headers=headers).json()["result"]

    return call


@pytest.fixture
def shows(chromium, assistant):
    """Shows a tool's result in the page that the tool names. Returns the page, its requests and its messages."""
    contexts = []

    def show(result, tool="series"):
        named = next(one for one in assistant("tools/list")["tools"] if one["name"] == tool)
        (page,) = assistant("resources/read", uri=named["_meta"]["ui"]["resourceUri"])["contents"]
        context = chromium.new_context(viewport={"width": 900, "height": 900})
        contexts.append(context)
        asked, said = [], []
        context.on("request", lambda request: asked.append(request.url))
        host = context.new_page()
        host.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        host.on("pageerror", lambda error: said.append(str(error)))
        host.set_content(HOST)
        host.evaluate("([result, html]) => { window.shown = result; view.srcdoc = html }", [result, page["text"]])
        return host, asked, said

    yield show
    for context in contexts:
        context.close()


def test_a_tools_answer_is_drawn_and_nothing_is_asked_of_anyone(assistant, shows):
    result = assistant("tools/call", name="series", arguments={"start": "-7d"})
    host, asked, said = shows(result)
    view = host.frame_locator("#view")
    chart = result["_meta"]["chart"]
    expect(view.locator("figure")).to_have_count(len(chart["series"]))
    expect(view.locator("p")).to_have_text(result["structuredContent"]["summary"])
    expect(view.locator("figcaption").nth(1)).to_have_text(chart["series"][1]["name"])
    expect(view.locator(".facade-plot canvas").first).to_be_visible()
    host.wait_for_function("heard.some(({ method }) => method === 'ui/notifications/size-changed')")
    # A pointer at the last chart's middle says a window and its value.
    view.locator(".facade-plot .u-over").nth(1).hover()
    expect(view.locator("output b").first).to_have_text(chart["series"][1]["name"])
    assert view.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(16, 22, 31)"
    if folder := os.environ.get("FACADE_SCREENSHOTS"):
        host.screenshot(path=Path(folder) / "mcp-chart.png", full_page=True)
    assert [url for url in asked if not url.startswith("about:")] == []
    assert said == []


def test_traffic_is_drawn_as_bars_and_a_name_is_text(assistant, shows):
    result = assistant("tools/call", name="traffic", arguments={"start": "-12h", "kind": "floor"})
    chart = result["_meta"]["chart"]
    assert chart["shape"] == "bars"
    chart["series"][0]["name"] = HOSTILE
    chart["series"][1] |= {"values": ["x", None, {}], "capacity": "many"}
    host, asked, said = shows(json.loads(json.dumps(result)), "traffic")
    view = host.frame_locator("#view")
    expect(view.locator("figcaption").first).to_have_text(HOSTILE)
    assert view.locator("img").count() == 0
    host.evaluate("send({ id: 'end', method: 'ui/resource-teardown', params: {} })")
    host.wait_for_function("heard.some(({ id, result }) => id === 'end' && result)")
    assert [url for url in asked if not url.startswith("about:")] == []
    assert said == []


def test_what_has_no_series_is_said(shows):
    host, _, said = shows({"content": [], "structuredContent": {"summary": "Nothing was measured."}})
    expect(host.frame_locator("#view").locator("p")).to_have_text("Nothing was measured.")
    assert said == []
