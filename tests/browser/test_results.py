"""How the page shows an answer: charts, floors, tables, a link, errors by cause."""

import ast
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
AXE = ROOT / "web-ui" / "node_modules" / "axe-core" / "axe.min.js"
SECRET = "zq7-token-of-mine"

# A day of a building in Los Angeles, as an answer has it: 24 hours from its midnight.
BEGINS = datetime(2026, 11, 24, tzinfo=ZoneInfo("America/Los_Angeles")).timestamp()
STARTS = [f"{datetime.fromtimestamp(BEGINS + 3600 * hour, ZoneInfo('UTC')):%Y-%m-%dT%H:%M:%SZ}" for hour in range(25)]


def room(name, values, floor="Floor 1"):
    return {
        "name": name,
        "capacity": {"max": 10},
        "floor": {"name": floor, "timezone": "America/Los_Angeles"},
        "report": {"series": [{"starts": STARTS[:-1], "times": STARTS[1:], "values": values}]},
    }


def answers(visit, answer, **options):
    """Answer all further operations with this."""
    headers = {"X-Cache": "MISS", "X-Upstream-Calls": "2", "Cache-Control": "private, max-age=60"}

    def reply(route):
        if route.request.method != "POST":
            route.fallback()
            return
        route.fulfill(body=json.dumps(answer), content_type="application/json", headers=headers, **options)

    visit.page.route("**/graphql", reply)


# Of a facade as `--sandbox` starts it, in front of a sandbox of its own.
DEMO = {
    "FACADE_ASSETS": "native,discovery",
    "FACADE_SANDBOX_DEMO": "true",
    "BUTLR_CLIENT_ID": "demo-client",
    "BUTLR_CLIENT_SECRET": "demo-secret",
}


@pytest.fixture(scope="module")
def campus(launch):
    """A facade that knows outlines and names."""
    world = launch.sandbox(sites=2)
    return launch.facade(
        world.url,
        **DEMO,
        FACADE_INCREMENTAL="true",
    )


def picture(visit, name):
    """Make a picture for the README if the environment asks for it."""
    if os.environ.get("FACADE_SCREENSHOT") != "1":
        return
    visit.page.set_viewport_size({"width": 1360, "height": 768})
    visit.drawn()
    visit.page.screenshot(path=IMAGES / name)


class TestChart:
    def test_as_many_rows_as_rooms_and_the_value_under_the_pointer_is_the_answers(self, new_visit, campus):
        visit = new_visit(campus, timezone_id="Asia/Kolkata")
        visit.open("/graphql")
        visit.example("Rooms today")
        rooms = visit.answered()["data"]["rooms"]["data"]
        strip = visit.page.locator("#facade-strip")
        expect(strip).to_have_attribute("data-rows", str(len(rooms)))
        expect(visit.page.get_by_role("tab", name="Chart")).to_have_attribute("aria-selected", "true")

        at = next(index for index, one in enumerate(rooms) if any(one["report"]["series"][0]["values"]))
        series = rooms[at]["report"]["series"][0]
        window = max(range(len(series["values"])), key=lambda index: series["values"][index] or 0)
        left, begins, span = (float(strip.get_attribute(f"data-{name}")) for name in ("left", "begins", "span"))
        start, stop = (datetime.fromisoformat(series[name][window]).timestamp() for name in ("starts", "times"))
        width = strip.bounding_box()["width"] - left
        strip.hover(position={"x": left + ((start + stop) / 2 - begins) / span * width, "y": at * 18 + 9})
        readout = visit.page.locator("#facade-readout")
        expect(readout).to_contain_text(f": {series['values'][window]:g}")
        expect(readout).to_contain_text(rooms[at]["name"])
        picture(visit, "chart.png")
        assert visit.complaints == []

    def test_days_begin_at_the_buildings_midnight_and_utc_moves_labels_and_not_data(self, new_visit, facade):
        visit = new_visit(facade, timezone_id="Asia/Kolkata")
        visit.open("/graphql")
        answers(visit, {"data": {"rooms": {"data": [room("A", list(range(24))), room("B", [1] * 24)]}}})
        visit.run()
        strip = visit.page.locator("#facade-strip")
        expect(strip).to_have_attribute("data-begins", str(int(BEGINS)))
        expect(strip).to_have_attribute("data-span", "86400")
        point = {"x": float(strip.get_attribute("data-left")) + 2, "y": 9}
        readout = visit.page.locator("#facade-readout")
        strip.hover(position=point)
        # The first window, by its label: its end.
        expect(readout).to_contain_text("24 Nov 01:00: 0 of 10")
        zone = visit.page.get_by_label("Time zone")
        zone.select_option("utc")
        expect(readout).to_contain_text("24 Nov 09:00: 0 of 10")
        zone.select_option("browser")
        expect(readout).to_contain_text("24 Nov 14:30: 0 of 10")

    def test_names_that_repeat_have_their_floors(self, visit):
        visit.open("/graphql")
        rooms = [room("Focus", [1] * 24, "North"), room("Focus", [1] * 24, "South"), room("Open", [1] * 24)]
        answers(visit, {"data": {"rooms": {"data": rooms}}})
        visit.run()
        titles = visit.page.locator("figcaption")
        expect(titles).to_have_text(
            ["North · Focus (max 1 of 10)", "South · Focus (max 1 of 10)", "Open (max 1 of 10)"]
        )

    def test_two_hundred_rooms_are_drawn_in_short_tasks(self, visit):
        visit.open("/graphql")
        times = [f"2026-11-24T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(0, 1440, 5)]
        rooms = [
            {"name": f"Room {at}", "report": {"series": [{"times": times, "values": [at % 7] * 288}]}}
            for at in range(200)
        ]
        answers(visit, {"data": {"rooms": {"data": rooms}}})
        visit.run()
        expect(visit.page.locator("#facade-strip")).to_have_attribute("data-rows", "200")
        # Charts out of sight wait until they are scrolled to; the text of the answer, until it is looked at.
        assert visit.page.locator(".facade-plot canvas").count() < 20
        assert "Room 199" not in visit.page.locator(".result-window").inner_text()
        visit.page.locator(".facade-plot").last.scroll_into_view_if_needed()
        expect(visit.page.locator(".facade-plot").last.locator("canvas")).to_have_count(1)


PIXEL = """([x, y]) => {
  const canvas = document.querySelector("#facade-floor");
  const {x: left, y: top, factor} = canvas.dataset;
  const ratio = window.devicePixelRatio;
  const at = [(x - left) * factor * ratio, (y - top) * factor * ratio].map(Math.round);
  return [...canvas.getContext("2d").getImageData(...at, 1, 1).data].slice(0, 3);
}"""


class TestFloor:
    PLAN = {
        "data": {
            "floors": {
                "data": [
                    {
                        "name": "Ground",
                        "rooms": [
                            {"id": "room_a", "name": "A", "coordinates": [[0, 0], [10, 0], [10, 8], [0, 8]]},
                            {"id": "room_b", "name": "B", "coordinates": [[10, 0], [20, 0], [20, 8], [10, 8]]},
                        ],
                        "detections": {
                            "heatmap_v2": {
                                "grid_resolution": 1.0,
                                "array_cells": [[2.5, 5.5, 1], [4.5, 5.5, 100], [6.5, 5.5, 100]],
                            },
                            "detections_world": [
                                {
                                    "start_time": f"2026-11-24T0{hour}:00:00Z",
                                    "points": [{"x": 14 + hour, "y": 5}],
                                    "sensor": {"room": {"name": "B"}},
                                }
                                for hour in range(3)
                            ],
                        },
                    }
                ]
            }
        }
    }

    def test_cells_dots_and_outlines_lie_where_the_answer_says(self, visit):
        visit.open("/graphql")
        answers(visit, self.PLAN)
        visit.run()
        floor = visit.page.locator("#facade-floor")
        expect(floor).to_have_attribute("data-dots", "3")
        pixel = lambda x, y: visit.page.evaluate(PIXEL, [x, y])  # noqa: E731
        nothing = pixel(8.5, 3)
        few, many = pixel(2.5, 5.5), pixel(4.5, 5.5)
        assert nothing == [255, 255, 255]
        assert few != many == pixel(6.5, 5.5)
        assert nothing not in (few, many)
        dot = pixel(15, 5)
        assert dot not in (nothing, few, many)

        # One window alone has its own dot.
        visit.page.get_by_role("slider").fill("1")
        expect(floor).to_have_attribute("data-dots", "1")
        assert pixel(14, 5) == dot
        assert pixel(15, 5) == nothing
        factor, left, top = (float(floor.get_attribute(f"data-{name}")) for name in ("factor", "x", "y"))
        floor.hover(position={"x": (4.5 - left) * factor, "y": (5.5 - top) * factor})
        expect(visit.page.locator("#facade-under")).to_contain_text("A · x 4.5")
        expect(visit.page.locator("#facade-under")).to_contain_text("100 min (6,000 s)")

    def test_without_outlines_points_are_scaled_to_their_extent_and_it_says_so(self, visit):
        visit.open("/graphql")
        seen = [{"start_time": "2026-11-24T00:00:00Z", "value": [[80.5, 27.8], [90.1, 31]], "mac_address": "m"}]
        answers(visit, {"data": {"detections": {"detections_world": seen}}})
        visit.run()
        expect(visit.page.locator(".facade-note")).to_contain_text("No outlines")
        expect(visit.page.locator("#facade-floor")).to_have_attribute("data-x", "80")

    def test_the_example_shows_outlines_and_positions(self, visit_to, campus):
        visit = visit_to(campus)
        visit.open("/graphql")
        visit.example("Positions")
        floor = visit.answered()["data"]["floors"]["data"][0]
        dots = sum(len(entry["points"]) for entry in floor["detections"]["detections_world"])
        expect(visit.page.locator("#facade-floor")).to_have_attribute("data-dots", str(dots))
        picture(visit, "floor.png")


CODE = {
    "curl": "^curl ",
    "fetch": "await fetch",
    "Apollo Client": "@apollo/client",
    "Python": "httpx.post",
    "facade query": "^facade query",
}
APOLLO = """import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
const headers = { Authorization: `Bearer ${process.env.BUTLR_TOKEN}` };
const client = new ApolloClient({ link: new HttpLink({ uri: "%s", headers }), cache: new InMemoryCache() });
"""


# The length of the newest answer's body, once all of it is there.
COUNTING = """() => {
  const send = window.fetch;
  window.fetch = async (...given) => {
    const answer = await send(...given);
    window.counted = answer.clone().arrayBuffer().then(({ byteLength }) => byteLength);
    return answer;
  };
}"""


class TestStatus:
    def test_it_says_how_the_answer_came_to_be(self, visit, sandbox):
        visit.open("/graphql")
        visit.log_in()
        visit.page.locator("#facade-examples-open").click()
        visit.page.keyboard.press("Escape")
        visit.answered()
        came = visit.page.locator("#facade-came")
        expect(came).to_contain_text("4 upstream calls · MISS")
        expect(came).to_contain_text("fresh until")
        visit.answered()
        expect(came).to_contain_text("0 upstream calls · HIT")

    def test_an_answer_of_no_told_length_has_the_bytes_that_came(self, visit_to, campus):
        visit = visit_to(campus)
        query = "{ sensors { data { id } } ... @defer { hives { data { id } } } }"
        visit.open(f"/graphql?{urlencode({'query': query})}", shows="@defer")
        visit.page.evaluate(COUNTING)
        with visit.page.expect_response(lambda answer: answer.request.method == "POST") as answered:
            visit.run()
        assert not {"content-length", "content-encoding"} & answered.value.headers.keys()
        length = visit.page.evaluate("counted")
        assert length > 1000
        expect(visit.page.locator("#facade-came")).to_contain_text(f" · {length / 1000:.1f} kB")

    def test_errors_are_one_line_a_cause(self, visit):
        visit.open("/graphql")
        errors = [
            {
                "message": "Too slow.",
                "path": ["rooms", "data", at, "report"],
                "extensions": {"code": "UPSTREAM_TIMEOUT"},
            }
            for at in range(205)
        ]
        answers(visit, {"data": None, "errors": [*errors, {"message": "No such room.", "path": ["room"]}]})
        visit.run()
        lines = visit.page.locator(".facade-causes li")
        expect(lines).to_have_text(
            [
                re.compile(r"^205 . rooms\.data\[\*\]\.report Too slow. UPSTREAM_TIMEOUT$"),
                re.compile(r"^room No such room\.\s*$"),
            ],
        )

    def test_code_that_is_copied_runs(self, visit, facade, sandbox, token, npm_project):
        visit.open("/graphql")
        visit.page.locator("#facade-token").fill(SECRET)
        visit.example("REST body")

        def copied(form):
            visit.page.get_by_label("Copy as").select_option(form)
            status = visit.page.locator(".facade-status")
            expect(status).to_have_attribute("data-taken", re.compile(CODE[form]))
            return status.get_attribute("data-taken")

        taken = {form: copied(form) for form in CODE}
        assert SECRET not in str(taken)

        clients = ROOT / "tests" / "clients"
        node = npm_project(clients)
        programs = Path(sys.executable).parent
        environment = {
            **os.environ,
            "BUTLR_TOKEN": token,
            "BUTLR_BASE_URL": sandbox.url,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "no_proxy": "127.0.0.1",
        }

        def answer(*command, **options):
            done = subprocess.run(
                command, check=False, env=environment, capture_output=True, text=True, timeout=180, **options
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        shell = ("bash", "-euc")
        module = (node, "--input-type=module", "-e")
        query = taken["facade query"].replace("facade query", "facade query --format json", 1)
        apollo = APOLLO % f"{facade.url}/graphql" + taken["Apollo Client"] + "\nconsole.log(JSON.stringify(data));"
        with ThreadPoolExecutor() as at_once:
            printed = {
                "curl": at_once.submit(answer, *shell, taken["curl"]),
                "fetch": at_once.submit(answer, *module, taken["fetch"]),
                "Apollo Client": at_once.submit(answer, *module, apollo, cwd=clients),
                "Python": at_once.submit(answer, sys.executable, "-c", taken["Python"]),
                "facade query": at_once.submit(answer, *shell, query),
            }
        assert printed.keys() == CODE.keys()
        keys = {}
        for form, text in printed.items():
            data = (ast.literal_eval if form == "Python" else json.loads)(text.result())
            groups = data.get("data", data)["report"]["groups"]
            keys[form] = [[key["value"] for key in group["keys"]] for group in groups]
        assert keys["curl"]
        assert all(found == keys["curl"] for found in keys.values()), keys

    def test_a_link_brings_back_operation_variables_and_tab_in_another_profile(self, visit, new_visit, facade):
        one = visit
        one.open("/graphql")
        one.page.locator("#facade-token").fill(SECRET)
        one.example("REST body")
        one.look("Table")
        one.page.locator("#facade-share").click()
        expect(one.page).to_have_url(re.compile("#query=.{10}"))
        link = one.page.url
        assert SECRET not in link
        assert SECRET not in one.stored()
        assert SECRET not in one.page.content()
        other = new_visit(facade)
        other.page.goto(link)
        expect(other.page.locator(".graphiql-query-editor .view-lines")).to_contain_text("RestBody")
        expect(other.page.locator(".graphiql-editor-tool .view-lines").first).to_contain_text("traffic")
        expect(other.page.get_by_role("tab", name="Table")).to_have_attribute("aria-selected", "true")

    def test_a_link_with_a_query_opens_the_page_with_it(self, visit):
        visit.open("/graphql?query=%7B%20sites%20%7B%20data%20%7B%20name%20%7D%20%7D%20%7D", shows="sites")

    def test_credentials_are_not_shared(self, visit):
        visit.open(
            "/graphql?query=mutation%20%7B%20login(username%3A%22u%22%2Cpassword%3A%22p%22)%20%7B%20scope%20%7D%20%7D",
            shows="login",
        )
        visit.page.locator("#facade-share").click()
        expect(visit.page.locator("#facade-status")).to_contain_text("it is not shared")
        assert not urlsplit(visit.page.url).fragment


def logged(facade):
    """Return the access log's line about the newest operation."""
    lines = [json.loads(line) for line in facade.log().splitlines() if line.startswith("{")]
    return next(line for line in reversed(lines) if line.get("method") == "POST" and "calls" in line)


class TestExplain:
    def test_as_many_bars_as_the_log_has_calls_and_a_second_run_is_all_hits(self, visit_to, campus):
        visit = visit_to(campus)
        visit.open("/graphql")
        token = visit.log_in()
        visit.example("Rooms today")
        visit.look("Explain")
        answer = visit.answered()
        told = answer["extensions"]["explain"]
        calls = visit.page.locator(".facade-calls > li")
        expect(calls).to_have_count(logged(campus)["calls"])
        assert len(told["calls"]) == calls.count() > 1
        expect(visit.page.locator("#facade-explained")).to_contain_text(f"{calls.count()} upstream calls · cost")
        visit.look("JSON")
        # What was told with the run itself is not asked for once more.
        visit.look("Explain")
        expect(calls).to_have_count(len(told["calls"]))
        calls.last.locator("button").click()
        expect(calls.last.locator("pre")).to_contain_text('"room_occupancy"')
        calls.last.locator("button").click()
        picture(visit, "explain.png")

        again = visit.answered()["extensions"]["explain"]
        assert again["calls"] == []
        assert logged(campus)["calls"] == 0
        expect(calls).to_have_count(0)
        expect(visit.page.locator(".facade-hit")).to_have_count(len(again["batches"]))
        expect(visit.page.locator("#facade-explained")).to_contain_text("all from the cache")

        visit.page.get_by_role("button", name="Run past the cache").click()
        expect(calls).to_have_count(len(told["calls"]))
        assert logged(campus)["calls"] == calls.count()
        for held in (visit.page.content(), visit.page.url, visit.stored()):
            assert token not in held
        assert visit.complaints == []

    def test_an_answer_that_was_not_explained_is_explained_when_it_is_looked_at(self, visit_to, campus):
        visit = visit_to(campus)
        visit.open("/graphql")
        visit.example("Hives")
        assert "extensions" not in visit.answered()
        with visit.page.expect_request(lambda request: request.method == "POST") as asked:
            visit.look("Explain")
        assert asked.value.post_data_json["extensions"] == {"explain": "analyze"}
        expect(visit.page.locator(".facade-batches")).to_contain_text("the assets")


# Events and bytes of a stream.
COUNTED = r"(\d+) events? · (\d+) bytes"
OCCUPANCY = "subscription Now { occupancy(items: %s) { item measurement value time } }"
HIDDEN = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def webhooks(launch):
    """A facade that receives webhooks, and one of its rooms."""
    world = launch.sandbox(sites=1)
    campus = world.campus()
    watched = {sensor["room_id"] for sensor in campus["sensors"] if sensor["mode"] == "presence"}
    room = next(room for room in campus["rooms"] if room["id"] in watched)
    # Nothing but a webhook brings a change within a test.
    facade = launch.facade(
        world.url,
        **DEMO,
        FACADE_LIVE_EVERY="1h",
        FACADE_WEBHOOK_SECRET=SECRET,
    )
    return facade, room


class TestLive:
    def tell(self, facade, room, value, at):
        event = {
            "id": f"event_{value}",
            "type": "ROOM_OCCUPANCY",
            "timestamp": at,
            "version": "v1.0.0",
            "metadata": {"room_id": room["id"]},
            "data": value,
        }
        sent = facade.request("POST", "/webhooks/butlr", json=event, headers={"X-API-Key": SECRET})
        assert sent.status_code == 204

    def test_a_change_shows_and_a_hidden_page_asks_for_nothing(self, visit_to, webhooks):
        facade, room = webhooks
        visit = visit_to(facade)
        visit.open(f"/graphql?{urlencode({'query': OCCUPANCY % json.dumps([room['id']])})}", shows="occupancy")
        visit.run()
        state = visit.page.locator(".facade-state")
        expect(state).to_have_text("Live")
        tile = visit.page.locator(".facade-tiles b")
        expect(tile).to_have_count(1)
        came = visit.page.locator("#facade-came")
        expect(came).to_have_text(re.compile(COUNTED))
        before = came.inner_text()
        self.tell(facade, room, 41, 1_900_000_000_000)
        expect(tile).to_have_text("41")
        first, second = (
            [int(number) for number in re.fullmatch(COUNTED, one).groups()] for one in (before, came.inner_text())
        )
        assert second[0] == first[0] + 1
        assert second[1] > first[1]
        expect(visit.page.locator(".facade-moving canvas")).to_have_count(1)

        # The stream is given up.
        with visit.page.expect_event("requestfailed"):
            visit.page.evaluate(HIDDEN, True)
        expect(state).to_contain_text("Paused")
        asked = []
        visit.page.on("request", lambda request: asked.append(request.url))
        self.tell(facade, room, 42, 1_900_000_060_000)
        visit.drawn()
        expect(tile).to_have_text("41")
        assert asked == []
        visit.page.evaluate(HIDDEN, False)
        expect(tile).to_have_text("42")
        assert len(asked) == 1
        visit.run()
        expect(state).to_have_text("Ended")
        assert visit.complaints == []

    def test_the_example_shows_a_tile_a_room(self, visit_to, campus):
        visit = visit_to(campus)
        visit.open("/graphql")
        visit.example("People now")
        visit.run()
        tiles = visit.page.locator(".facade-tiles button")
        expect(tiles.first).to_be_visible()
        assert len(set(tiles.all_inner_texts())) == tiles.count() > 30


def test_a_picture_of_a_morning_at_work(launch, at_work, visit_to):
    """The campus stands at noon of a working day, whatever day it is; the page is asked for that morning."""
    morning = at_work(minutes=180)
    noon = datetime.fromisoformat(morning["stop"])
    world = launch.sandbox(sites=2, starts_at=noon.timestamp())
    facade = launch.facade(world.url, **DEMO)
    example = (ROOT / "facade" / "web" / "examples" / "people-now.graphql").read_text()
    query = example.replace('"-2h"', json.dumps(morning["start"])).replace("two hours", "a morning")
    assert query.count(morning["start"]) == 1
    visit = visit_to(facade)
    visit.open(f"/graphql?{urlencode({'query': query})}", shows="PeopleNow")
    visit.run()
    tiles = visit.page.locator(".facade-tiles button")
    expect(tiles.first).to_be_visible()
    # The liveliest of the rooms.
    once = query.replace("subscription", "query").replace("    include_open: true\n", "")
    series = facade.data(once, token=world.login())["report"]["series"]
    room = max(series, key=lambda one: sum(a != b for a, b in pairwise(one["values"])))["room"]
    names = {room["name"], f"{room['floor']['name']} · {room['name']}"}
    titles = tiles.locator("span").all_inner_texts()
    tiles.nth(next(at for at, title in enumerate(titles) if title in names)).click()
    picture(visit, "live.png")


class TestFirstMinute:
    def test_the_root_goes_to_the_page_and_the_sandbox_says_what_it_is(self, visit_to, campus):
        visit = visit_to(campus)
        visit.open("/")
        assert visit.page.url == f"{campus.url}/graphql"
        expect(visit.page.locator("#facade-sandbox")).to_have_text(re.compile("Sandbox.*simulated data"))
        visit.page.locator("#facade-login-open").click()
        visit.page.locator("#facade-login-submit").click()
        expect(visit.page.locator("#facade-status")).to_contain_text("Logged in until")
        visit.page.locator("#facade-logout").click()
        expect(visit.page.locator("#facade-token")).to_have_value("")

    def test_a_facade_of_butlr_itself_names_no_credentials(self, visit):
        visit.open("/graphql")
        expect(visit.page.locator("#facade-sandbox")).to_have_count(0)
        assert "demo" not in visit.page.content()


# What axe finds. GraphiQL's own tabs hold their buttons: that alone is not ours to mend. Of another theme only the
# colours differ.
SERIOUS = """async (options) => {
  const {violations} = await axe.run({exclude: [".graphiql-tab"]}, {resultTypes: ["violations"], ...options});
  return violations.filter(({impact}) => impact === "serious" || impact === "critical")
    .map(({id, nodes}) => [id, ...nodes.slice(0, 3).map(({html}) => html.slice(0, 120))]);
}"""


class TestEase:
    def test_nothing_serious_for_axe_on_any_tab(self, visit_to, campus):
        visit = visit_to(campus)
        visit.open("/graphql")
        visit.page.evaluate(AXE.read_text())
        shown = {
            "Chart": ("Rooms today", "#facade-strip"),
            "Table": (None, ".facade-table td"),
            "Explain": (None, ".facade-batches"),
            "JSON": (None, ".result-window .view-line"),
            "Floor": ("Positions", "#facade-floor"),
            "Live": ("People now", ".facade-tiles button"),
        }
        for tab, (question, part) in shown.items():
            if question:
                visit.example(question)
                visit.run()
            visit.look(tab)
            expect(visit.page.locator(part).first).to_be_visible()
            for scheme, options in {"light": {}, "dark": {"runOnly": ["color-contrast", "link-in-text-block"]}}.items():
                visit.page.emulate_media(color_scheme=scheme)
                visit.drawn()
                visit.page.wait_for_function(
                    "() => document.getAnimations().every((one) => one.playState !== 'running')"
                )
                found = visit.page.evaluate(SERIOUS, options)
                assert found == [], (tab, scheme)

    def test_a_narrow_screen_is_one_column_with_a_switch(self, visit_to, campus):
        visit = visit_to(campus)
        visit.page.set_viewport_size({"width": 390, "height": 800})
        visit.open("/graphql")
        expect(visit.page.locator(".graphiql-response")).not_to_be_visible()
        visit.answered()
        expect(visit.page.locator(".graphiql-response")).to_be_visible()
        expect(visit.page.locator(".graphiql-editors")).not_to_be_visible()
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
        visit.look("JSON")
        expect(visit.answer).to_contain_text("sensors")
        # Thirty letters of the editor's font.
        assert visit.page.locator(".result-window").bounding_box()["width"] >= 30 * 9.1
        visit.page.locator("#facade-show-editor").click()
        expect(visit.page.locator(".graphiql-editors")).to_be_visible()

    def test_every_shortcut_that_the_page_advertises_does_its_work(self, new_visit, campus):
        visit = new_visit(campus, permissions=["clipboard-read", "clipboard-write"])
        page = visit.page
        visit.open("/graphql")
        editor = page.locator(".graphiql-query-editor .view-lines")

        def write(text):
            editor.click()
            page.keyboard.press("Control+A")
            page.keyboard.insert_text(text)
            # The editor tells the page what is in it a moment later.
            page.wait_for_function("text => JSON.stringify(localStorage).includes(text)", arg=text)

        page.get_by_role("button", name="Open short keys dialog").click()
        listed = page.locator(".graphiql-dialog .graphiql-table tbody tr, .graphiql-dialog tbody tr").all_inner_texts()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        keys = {"".join(one.split("\n")[0].split("\t")[0].split()) for one in listed}
        assert keys == {
            "Ctrl+Enter", "F1", "Shift+Ctrl+P", "Shift+Ctrl+C", "Shift+Ctrl+R", "Ctrl+Alt+K", "Ctrl+F", "Shift+Ctrl+M",
        }  # fmt: skip

        write("query Q{...F} fragment F on Query{__typename}")
        page.keyboard.press("Control+Shift+M")
        expect(editor).not_to_contain_text("fragment")
        expect(editor).to_contain_text("__typename")
        write("query Q{__typename}")
        page.keyboard.press("Control+Shift+P")
        expect(editor.locator(".view-line")).to_have_count(4)
        page.keyboard.press("Control+Shift+C")
        page.wait_for_function("() => navigator.clipboard.readText().then(text => text.startsWith('query Q {'))")
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            page.keyboard.press("Control+Enter")
        with page.expect_request(lambda request: "IntrospectionQuery" in request.url) as asked:
            page.keyboard.press("Control+Shift+R")
        assert not asked.value.is_navigation_request()
        page.keyboard.press("F1")
        expect(page.locator(".graphiql-query-editor .quick-input-widget")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("Control+F")
        expect(page.locator(".graphiql-query-editor .find-widget")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("Control+Alt+K")
        expect(page.locator(".graphiql-doc-explorer-search-input input")).to_be_focused()
        assert visit.complaints == []

    def test_list_arguments_keep_their_values_in_the_explorer(self, visit_to, campus):
        visit = visit_to(campus)
        query = '{ rooms(ids: ["room_1", "room_2"]) { data { id } } }'
        visit.open(f"/graphql?{urlencode({'query': query})}", shows="room_1")
        visit.page.get_by_role("button", name="Show GraphiQL Explorer").click()
        listed = visit.page.get_by_label("ids", exact=True)
        expect(listed).to_have_value('["room_1", "room_2"]')
        editor = visit.page.locator(".graphiql-query-editor .view-lines")
        listed.fill('["room_1", "room_3"')
        expect(editor).to_contain_text("room_2")
        listed.fill('["room_1", "room_3"]')
        expect(editor).to_contain_text("room_3")
        expect(editor).to_contain_text("room_1")
        assert visit.complaints == []

    def test_the_theme_follows_the_system_while_the_page_is_open(self, visit):
        visit.open("/graphql")
        editor = visit.page.locator(".graphiql-query-editor .monaco-editor").first
        light = editor.evaluate("one => getComputedStyle(one).color")
        visit.page.emulate_media(color_scheme="dark")
        expect(editor).not_to_have_css("color", light)


class TestWeight:
    def test_a_first_load_is_light_and_a_second_moves_next_to_nothing(self, new_visit, facade):
        visit = new_visit(facade)
        session = visit.context.new_cdp_session(visit.page)
        session.send("Network.enable")
        moved = []
        session.on("Network.loadingFinished", lambda event: moved.append(event["encodedDataLength"]))
        visit.open("/graphql")
        visit.settled()
        assert 500_000 < sum(moved) <= 1_700_000
        moved.clear()
        visit.open("/graphql")
        visit.settled()
        assert 0 < sum(moved) < 20_000
        assert visit.foreign == []

    def test_a_tab_is_light_with_all_that_it_shares(self, new_visit, campus):
        visit = new_visit(campus)
        visit.open("/graphql")
        visit.settled()
        session = visit.context.new_cdp_session(visit.page)
        session.send("Network.enable")
        files = {}
        session.on(
            "Network.responseReceived", lambda event: files.update({event["requestId"]: event["response"]["url"]})
        )
        moved = {}
        session.on(
            "Network.loadingFinished", lambda event: moved.update({event["requestId"]: event["encodedDataLength"]})
        )
        visit.answered()
        for tab in ("Table", "Chart", "Floor", "Explain"):
            visit.look(tab)
        visit.example("People now")
        visit.run()
        expect(visit.page.locator(".facade-tiles button").first).to_be_visible()
        loaded = {
            files[one].rpartition("/")[2].partition("-")[0]: size
            for one, size in moved.items()
            if "/assets/" in files[one]
        }
        assert loaded.keys() >= {"table", "chart", "floor", "explain", "live", "plot"}
        own = {tab: loaded.pop(tab) for tab in ("table", "chart", "floor", "explain", "live")}
        # The font of the editor's icons is the editor's.
        shared = sum(loaded.values()) - loaded.get("codicon", 0)
        assert shared + max(own.values()) <= 40_000
