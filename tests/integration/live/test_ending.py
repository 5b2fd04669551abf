"""How subscriptions end, and how they survive failures."""

import json
import signal
import time
from itertools import count
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from .conftest import SECRET, counted, post, until

OCCUPANCY = "subscription ($items: [ID!]!) { occupancy(items: $items) { item value time } }"
EVENTS = "subscription { events { id } }"
REPORT = """subscription { report(filter: {measurements: [traffic], start: "2026-01-05T00:00:00Z",
  stop: "2026-01-05T03:00:00Z"}, window: {every: "1h"}) { rows { time value sensor_id } } }"""
REPORTING = "/api/v3/reporting"


def settings(**more: str) -> dict[str, str]:
    return {"FACADE_LIVE_EVERY": "1s", "FACADE_WEBHOOK_SECRET": SECRET, **more}


def row(hour: int, value: float, sensor: str = "sensor_1") -> dict[str, Any]:
    return {
        "field": "in",
        "measurement": "traffic",
        "time": f"2026-01-05T0{hour}:00:00Z",
        "value": value,
        "sensor_id": sensor,
        "room_id": "room_1",
        "space_id": "space_1",
        "mac_address": sensor,
    }


@pytest.fixture(scope="module")
def live_of_stand_in(launch: Any, stand_in_server: Any) -> Any:
    return launch.facade(stand_in_server.url, **settings())


def values(answer: dict[str, Any]) -> dict[str, float]:
    return {row["time"]: row["value"] for row in answer["data"]["report"]["rows"]}


def test_of_a_report_only_new_and_changed_windows_follow(
    live_of_stand_in: Any, stand_in: Any, subscribe: Any, any_token: str
) -> None:
    rows = [row(1, 1), row(2, 2)]
    stand_in.answers_by(REPORTING, lambda _body: {"data": list(rows)})
    with subscribe(live_of_stand_in, REPORT, token=any_token) as stream:
        assert values(stream.next()) == {"2026-01-05T01:00:00Z": 1, "2026-01-05T02:00:00Z": 2}
        rows[1] = row(2, 5)
        rows.append(row(3, 3))
        merged: dict[str, float] = {}
        while len(merged) < 2:
            merged |= values(stream.next())
        assert merged == {"2026-01-05T02:00:00Z": 5, "2026-01-05T03:00:00Z": 3}


def test_a_report_is_resumed_without_what_the_client_has(
    live_of_stand_in: Any, stand_in: Any, subscribe: Any, any_token: str
) -> None:
    rows = [row(1, 1)]
    stand_in.answers_by(REPORTING, lambda _body: {"data": list(rows)})
    with subscribe(live_of_stand_in, REPORT, token=any_token) as stream:
        last = stream.event()["id"]
    rows.append(row(2, 2))
    with subscribe(live_of_stand_in, REPORT, token=any_token, headers={"Last-Event-ID": last}) as stream:
        answer = stream.next()
        assert values(answer) == {"2026-01-05T02:00:00Z": 2}


def test_a_report_is_resumed_at_another_replica_with_what_was_missed_and_nothing_else(
    launch: Any, stand_in: Any, subscribe: Any, new_redis: Any, any_token: str
) -> None:
    redis = new_redis()
    redis.start()
    try:
        more = settings(FACADE_CACHE_URL=redis.url)
        rows = [row(1, 1), row(2, 2)]
        stand_in.answers_by(REPORTING, lambda _body: {"data": list(rows)})
        one = launch.facade(stand_in.url, **more)
        with subscribe(one, REPORT, token=any_token) as first:
            last = first.event()["id"]
            with subscribe(one, REPORT, token=any_token) as stays:
                stays.next()
                rows[1] = row(2, 5)
                rows.append(row(3, 3))
                seen: dict[str, float] = {}
                while len(seen) < 2:
                    event = stays.event()
                    seen |= values(json.loads(event["data"]))
        one.process.kill()
        # It was not there, and has what it knows from the store.
        other = launch.facade(stand_in.url, **more)
        for cursor, missed in ((last, {"2026-01-05T02:00:00Z": 5, "2026-01-05T03:00:00Z": 3}), (event["id"], {})):
            with subscribe(other, REPORT, token=any_token, headers={"Last-Event-ID": cursor}) as stream:
                got: dict[str, float] = {}
                while got != missed:
                    answer = stream.next()
                    assert not got.keys() & values(answer).keys()
                    got |= values(answer)
                    assert answer["extensions"].get("resumed") in (True, None)
                rows[0] = row(1, rows[0]["value"] + 1)
                assert values(stream.next()) == {"2026-01-05T01:00:00Z": rows[0]["value"]}
        with subscribe(other, REPORT, token=any_token, headers={"Last-Event-ID": "1-0-ancient"}) as stream:
            answer = stream.next()
            assert answer["extensions"]["resumed"] is False
            assert len(values(answer)) == 3
    finally:
        redis.kill()


def test_an_upstream_that_fails_costs_time_alone(
    live_of_stand_in: Any, stand_in: Any, subscribe: Any, any_token: str
) -> None:
    rows = [row(1, 1)]
    stand_in.answers_by(REPORTING, lambda _body: {"data": list(rows)})
    with subscribe(live_of_stand_in, REPORT, token=any_token) as stream:
        stream.next()
        stand_in.answers(REPORTING, {"message": "no"}, status=400)
        stand_in.answers(REPORTING, {"message": "later"}, status=503)
        seen = len(stand_in.asked)
        while len(stand_in.asked) == seen:
            time.sleep(0.02)
        rows.append(row(2, 2))
        stand_in.answers_by(REPORTING, lambda _body: {"data": list(rows)})
        assert values(stream.next()) == {"2026-01-05T02:00:00Z": 2}


def test_a_refused_token_ends_its_subscriptions(
    live_of_stand_in: Any, stand_in: Any, subscribe: Any, any_token: str
) -> None:
    stand_in.answers(REPORTING, {"data": [row(1, 1)]})
    with subscribe(live_of_stand_in, REPORT, token=any_token) as stream:
        stream.next()
        stand_in.answers(REPORTING, {"message": "revoked"}, status=401)
        answer = stream.next()
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert stream.event()["event"] == "complete"


def test_a_token_is_asked_about_though_only_webhooks_feed_it(
    launch: Any, stand_in: Any, subscribe: Any, any_token: str
) -> None:
    facade = launch.facade(stand_in.url, **settings(FACADE_TOKEN_RECHECK="1s"))
    stand_in.answers(REPORTING, {"data": [row(1, 1)]})
    with subscribe(facade, EVENTS, token=any_token) as stream:
        post(facade, {"id": "e1", "type": "PIR_MOTION", "timestamp": 1, "metadata": {"room_id": "room_1"}})
        assert stream.next()["data"]["events"]["id"] == "e1"
        stand_in.answers(REPORTING, {"message": "revoked"}, status=401)
        assert stream.next()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_more_subscriptions_than_the_process_bears_are_refused(
    launch: Any, stand_in: Any, subscribe: Any, any_token: str
) -> None:
    facade = launch.facade(stand_in.url, **settings(FACADE_LIVE_MAX="1"))
    stand_in.answers(REPORTING, {"data": [row(1, 1)]})
    with subscribe(facade, REPORT, token=any_token) as stream:
        stream.next()
        with subscribe(facade, REPORT, token=any_token, begins=False) as other:
            assert other.next()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert "facade_live_subscribers 1.0" in facade.request("GET", "/metrics").text


def test_the_last_who_leaves_ends_the_polling(
    live_of_stand_in: Any, stand_in: Any, subscribe: Any, any_token: str
) -> None:
    stand_in.answers(REPORTING, {"data": [row(1, 1)]})
    with subscribe(live_of_stand_in, REPORT, token=any_token) as stream:
        stream.next()
    while "facade_live_subscribers 0.0" not in live_of_stand_in.request("GET", "/metrics").text:
        time.sleep(0.02)
    seen = len(stand_in.asked)
    # Another question is polled twice meanwhile.
    with subscribe(live_of_stand_in, REPORT.replace("03:00", "02:00"), token=any_token) as stream:
        stream.next()
        while len(stand_in.asked) < seen + 3:
            time.sleep(0.02)
    reports = [asked for asked in stand_in.asked[seen:] if asked.path == REPORTING]
    assert {asked.body["filter"]["stop"] for asked in reports} == {"2026-01-05T02:00:00Z"}


def test_sigterm_sends_clients_elsewhere(
    launch: Any, stand_in: Any, subscribe: Any, open_socket: Any, any_token: str
) -> None:
    facade = launch.facade(stand_in.url, **settings())
    stand_in.answers(REPORTING, {"data": [row(1, 1)]})
    with subscribe(facade, REPORT, token=any_token) as stream, open_socket(facade) as socket:
        stream.next()
        socket.init(any_token)
        socket.subscribe(REPORT)
        assert socket.receive()["type"] == "next"
        facade.process.send_signal(signal.SIGTERM)
        assert stream.event()["retry"] == "1000"
        with pytest.raises(EOFError):
            stream.event()
        with pytest.raises(ConnectionClosed) as closed:
            socket.drain()
        assert closed.value.rcvd.code == 1012  # type: ignore[union-attr]
    facade.process.wait(180)


def test_replicas_tell_each_other_and_a_new_one_knows_what_was(
    launch: Any, stand_in: Any, subscribe: Any, new_redis: Any, any_token: str
) -> None:
    redis = new_redis()
    redis.start()
    try:
        stand_in.answers(REPORTING, {"data": [row(1, 1)]})
        more = settings(FACADE_CACHE_URL=redis.url)
        one, two = launch.facade(stand_in.url, **more), launch.facade(stand_in.url, **more)

        def event(number: int) -> dict[str, Any]:
            return {"id": f"e{number}", "type": "PIR_MOTION", "timestamp": number, "metadata": {"room_id": "room_1"}}

        with subscribe(two, EVENTS, token=any_token) as stream:
            # The stream's first entry may come before this one is subscribed.
            post(one, event(1), event(2))
            first = stream.event()
        post(one, event(2), event(3), event(4))
        three = launch.facade(stand_in.url, **more)
        for facade in (two, three):
            with subscribe(facade, EVENTS, token=any_token, headers={"Last-Event-ID": first["id"]}) as stream:
                seen = [stream.next()["data"]["events"]["id"]]
                while seen[-1] != "e4":
                    seen.append(stream.next()["data"]["events"]["id"])
                # A process that was not there gives a little more than was missed, each once.
                assert seen[-3:] == ["e2", "e3", "e4"]
                assert len(set(seen)) == len(seen)
        # Without Redis each process still tells its own.
        with subscribe(one, EVENTS, token=any_token) as stream, subscribe(two, EVENTS, token=any_token) as other:
            redis.kill()
            post(one, event(5))
            assert stream.next()["data"]["events"]["id"] == "e5"
            # And the others' once Redis is back.
            redis.start()
            assert other.next()["data"]["events"]["id"] == "e5"
        heard = counted(two, "facade_live_events_total")
        numbers = count(6)

        def hears() -> bool:
            post(one, event(next(numbers)))
            return counted(two, "facade_live_events_total") > heard

        until(hears)
    finally:
        redis.kill()
