"""Subscriptions over each transport, fed by polls and by webhooks."""

from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from .conftest import KEY, post

OCCUPANCY = "subscription ($items: [ID!]!) { occupancy(items: $items) { item measurement value time } }"
EVENTS = "subscription { events { id type timestamp metadata data } }"


def test_the_newest_occupancy_comes_at_once_and_then_what_a_webhook_tells(
    live_facade: Any, upstream: Any, subscribe: Any, room: str, an_event: Any
) -> None:
    with subscribe(live_facade, OCCUPANCY, {"items": [room]}, token=upstream.login()) as stream:
        first = stream.next()
        assert first["data"]["occupancy"]["item"] == room
        assert first["extensions"]["id"]
        post(live_facade, an_event("ROOM_OCCUPANCY", 41, room_id=room))
        answer = stream.next()
        assert answer["data"]["occupancy"]["value"] == 41
        assert answer["data"]["occupancy"]["time"] == "2030-03-17T17:46:40Z"


def test_one_poll_serves_all_who_watch(live_facade: Any, upstream: Any, subscribe: Any, campus: Any) -> None:
    token = upstream.login()
    rooms = [room["id"] for room in campus["rooms"]]
    with (
        subscribe(live_facade, OCCUPANCY, {"items": rooms}, token=token) as one,
        subscribe(live_facade, OCCUPANCY, {"items": rooms}, token=token) as other,
    ):
        for stream in (one, other):
            seen = {stream.next()["data"]["occupancy"]["item"] for _ in rooms}
            assert seen == set(rooms)
        calls = [call["path"] for call in upstream.calls(token)]
        assert calls.count("/api/v3/reporting") <= 4


def test_events_of_assets_that_the_token_does_not_see_stay_away(
    live_facade: Any, upstream: Any, subscribe: Any, room: str, an_event: Any
) -> None:
    with subscribe(live_facade, EVENTS, token=upstream.login()) as stream:
        post(live_facade, strange := an_event("ROOM_OCCUPANCY", 1, room_id="room_of_another"))
        # Another's organisation, though the ids are the same.
        post(live_facade, other := an_event("ROOM_OCCUPANCY", 1, room_id=room, org_id="org_of_another"))
        post(live_facade, unknown := an_event("NEW_TYPE", {"any": 1}, room_id=room))
        event = stream.next()["data"]["events"]
        assert event["id"] == unknown["id"] not in (strange["id"], other["id"])
        assert event["type"] == "NEW_TYPE"
        assert event["data"] == {"any": 1}


def test_an_event_comes_once(live_facade: Any, upstream: Any, subscribe: Any, room: str, an_event: Any) -> None:
    with subscribe(live_facade, EVENTS, token=upstream.login()) as stream:
        one, two = an_event("PIR_MOTION", room_id=room), an_event("PIR_NO_MOTION", room_id=room)
        post(live_facade, one, one, one, two)
        assert [stream.next()["data"]["events"]["id"] for _ in range(2)] == [one["id"], two["id"]]


def test_what_was_missed_comes_after_last_event_id(
    live_facade: Any, upstream: Any, subscribe: Any, room: str, an_event: Any
) -> None:
    token = upstream.login()
    events = [an_event("PIR_MOTION", room_id=room) for _ in range(3)]
    with subscribe(live_facade, EVENTS, token=token) as stream:
        post(live_facade, events[0])
        last = stream.event()["id"]
    post(live_facade, *events[1:])
    for resumed in ({"headers": {"Last-Event-ID": last}}, {"extensions": {"resume": last}}):
        with subscribe(live_facade, EVENTS, token=token, **resumed) as stream:
            first, second = stream.next(), stream.next()
            assert [each["data"]["events"]["id"] for each in (first, second)] == [event["id"] for event in events[1:]]
            assert first["extensions"]["resumed"] is True
    with subscribe(live_facade, EVENTS, token=token, headers={"Last-Event-ID": "1-0-ancient"}) as stream:
        assert stream.next()["extensions"]["resumed"] is False


def test_a_report_is_its_span_and_then_what_has_changed(
    live_facade: Any, upstream: Any, subscribe: Any, room: str
) -> None:
    query = """subscription ($room: ID!) {
      report(filter: {measurements: [room_occupancy], start: "-1h", rooms: {eq: [$room]}, value: {gte: 0}},
             window: {every: "5m", function: max}) { rows { time value room_id } freshness { as_of } } }"""
    with subscribe(live_facade, query, {"room": room}, token=upstream.login()) as stream:
        answer = stream.next()
        assert "errors" not in answer
        rows = answer["data"]["report"]["rows"]
        assert rows
        assert {row["room_id"] for row in rows} == {room}


def test_detections_of_a_room(live_facade: Any, upstream: Any, subscribe: Any, campus: Any, an_event: Any) -> None:
    sensor = next(sensor for sensor in campus["sensors"] if sensor["mode"] == "presence" and sensor["room_id"])
    query = """subscription ($mac: String!) {
      detections(filter: {mac_addresses: [$mac]}) { mac_address start_time value sensor { id } } }"""
    with subscribe(live_facade, query, {"mac": sensor["mac_address"]}, token=upstream.login()) as stream:
        event = an_event(
            "DETECTIONS", {"local": [[0.25, 0.5]]}, mac_address=sensor["mac_address"], sensor_id=sensor["id"]
        )
        post(live_facade, event)
        found = stream.until(lambda answer: answer["data"]["detections"]["value"] == [[0.25, 0.5]])
        assert found["data"]["detections"]["sensor"]["id"] == sensor["id"]


def test_over_websocket(live_facade: Any, upstream: Any, open_socket: Any, room: str, an_event: Any) -> None:
    with open_socket(live_facade) as socket:
        socket.init(upstream.login())
        socket.send(type="ping")
        assert socket.receive() == {"type": "pong"}
        socket.subscribe(EVENTS)
        # A query over the same connection, answered once the subscription has begun.
        socket.subscribe("{ sensors { data { id } } }", id_="2")
        assert socket.receive()["payload"]["data"]["sensors"]["data"]
        assert socket.receive() == {"id": "2", "type": "complete"}
        post(live_facade, event := an_event("PIR_MOTION", room_id=room))
        message = socket.receive()
        assert message["type"] == "next"
        assert message["payload"]["data"]["events"]["id"] == event["id"]
        assert message["payload"]["extensions"]["id"]
        socket.send(id="1", type="complete")


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}], 4401),
        ([{"type": "connection_init"}, {"type": "connection_init"}], 4429),
        ([{"type": "what"}], 4400),
        ([{"no": "type"}], 4400),
    ],
)
def test_what_breaks_the_protocol_closes_the_connection(
    live_facade: Any, open_socket: Any, messages: list[Any], code: int
) -> None:
    with open_socket(live_facade) as socket:
        for message in messages:
            socket.send(**message)
        with pytest.raises(ConnectionClosed) as closed:
            socket.drain()
        assert closed.value.rcvd.code == code  # type: ignore[union-attr]


def test_a_page_of_another_origin_may_not_connect(live_facade: Any, open_socket: Any) -> None:
    with pytest.raises(InvalidStatus), open_socket(live_facade, origin="https://elsewhere.example"):
        pass


def test_over_multipart(live_facade: Any, upstream: Any, room: str, an_event: Any) -> None:
    headers = {
        "Accept": 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json',
        "Authorization": f"Bearer {upstream.login()}",
    }
    body = {"query": OCCUPANCY, "variables": {"items": [room]}}
    with httpx.stream("POST", f"{live_facade.url}/graphql", json=body, headers=headers, timeout=180) as response:
        assert response.headers["content-type"].startswith("multipart/mixed")
        text = ""
        for chunk in response.iter_text():
            text += chunk
            if '"payload"' in text and text.endswith("--graphql"):
                break
        assert f'"item":"{room}"' in text


def test_without_a_token_there_is_one_error(live_facade: Any, upstream: Any) -> None:
    answer = live_facade.request("POST", "/graphql", json={"query": EVENTS}, headers={"Accept": "text/event-stream"})
    assert answer.status_code == 200
    assert "UNAUTHENTICATED" in answer.text
    assert answer.text.endswith("event: complete\ndata: \n\n")


def test_a_subscription_is_no_json(live_facade: Any, upstream: Any) -> None:
    answer = live_facade.post(EVENTS, token=upstream.login())
    assert answer.status_code == 406
    assert "text/event-stream" in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b"null",
        b'{"id": 1}',
        b'{"id": "e", "type": "T"}',
        b'{"id": "e", "type": "T", "timestamp": "x"}',
    ],
)
def test_a_body_that_is_no_event_is_a_typed_400(live_facade: Any, body: bytes) -> None:
    answer = live_facade.request("POST", "/webhooks/butlr", content=body, headers=KEY)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-API-Key": "wrong"}, 401),
        ({"X-API-Key": "ä".encode()}, 401),
        ({"Authorization": "Basic !"}, 401),
        ({"Authorization": "Basic YnV0bHI6YS13ZWJob29rLXNlY3JldA=="}, 204),
        ({"Authorization": "Bearer a-webhook-secret"}, 204),
        (KEY, 204),
    ],
)
def test_the_secret_lets_events_in(live_facade: Any, an_event: Any, headers: Any, status: int) -> None:
    answer = live_facade.request("POST", "/webhooks/butlr", json=an_event("TRAFFIC", room_id="r"), headers=headers)
    assert answer.status_code == status


def test_without_a_secret_there_is_no_webhook(facade_of_stand_in: Any) -> None:
    assert facade_of_stand_in.request("POST", "/webhooks/butlr", json={}, headers=KEY).status_code == 404
