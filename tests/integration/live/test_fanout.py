"""Many who ask the same over several transports have the same answers, whoever makes them."""

from contextlib import ExitStack
from typing import Any

from .conftest import counted, post, until

EVENTS = "subscription { events { id data } }"
OCCUPANCY = "subscription ($items: [ID!]!) { occupancy(items: $items) { item value } }"


def test_each_has_each_event_once_and_one_that_resumes_has_what_it_missed(
    live_facade: Any, upstream: Any, subscribe: Any, open_socket: Any, room: str, an_event: Any
) -> None:
    token = upstream.login()

    def tell(numbers: range) -> list[str]:
        told = [an_event("TRAFFIC", {"in": number}, room_id=room) for number in numbers]
        post(live_facade, *told)
        return [event["id"] for event in told]

    with ExitStack() as stack:
        before = counted(live_facade, "facade_live_subscribers")
        streams = [stack.enter_context(subscribe(live_facade, EVENTS, token=token)) for _ in range(4)]
        sockets = [stack.enter_context(open_socket(live_facade)).init(token) for _ in range(3)]
        for number, socket in enumerate(sockets):
            socket.subscribe(EVENTS, id_=f"socket {number}")
        until(lambda: counted(live_facade, "facade_live_subscribers") == before + 7)

        def expect(ids: list[str]) -> list[str]:
            """Read so many answers of each; return their cursors."""
            cursors = []
            for id_ in ids:
                answers = [stream.next() for stream in streams]
                for number, socket in enumerate(sockets):
                    while (message := socket.receive())["type"] != "next":
                        assert message["type"] == "ping"
                    assert message["id"] == f"socket {number}"
                    answers.append(message["payload"])
                assert [answer["data"]["events"]["id"] for answer in answers] == [id_] * 7
                (cursor,) = {answer["extensions"]["id"] for answer in answers}
                cursors.append(cursor)
            return cursors

        cursors = expect(ids := tell(range(20)))
        late = stack.enter_context(subscribe(live_facade, EVENTS, token=token, extensions={"resume": cursors[14]}))
        missed = [late.next() for _ in range(5)]
        assert [answer["data"]["events"]["id"] for answer in missed] == ids[15:]
        assert [answer["extensions"].get("resumed") for answer in missed] == [True, None, None, None, None]
        # One that has missed nothing says so with the first that comes, though it comes to all.
        level = stack.enter_context(subscribe(live_facade, EVENTS, token=token, extensions={"resume": cursors[-1]}))
        ids = tell(range(20, 30))
        expect(ids)
        for stream, first in ((late, None), (level, True)):
            answers = [stream.next() for _ in ids]
            assert [answer["data"]["events"]["id"] for answer in answers] == ids
            assert [answer["extensions"].get("resumed") for answer in answers] == [first, *([None] * 9)]


def test_all_have_the_newest_occupancy(
    live_facade: Any, upstream: Any, subscribe: Any, room: str, an_event: Any
) -> None:
    token = upstream.login()
    with ExitStack() as stack:
        streams = [
            stack.enter_context(subscribe(live_facade, OCCUPANCY, {"items": [room]}, token=token)) for _ in range(5)
        ]
        for stream in streams:
            assert stream.next()["data"]["occupancy"]["item"] == room
        at = 1_900_000_100_000
        for number in range(20):
            post(live_facade, an_event("ROOM_OCCUPANCY", number, at=at + number, room_id=room))
            # An older one changes nothing.
            post(live_facade, an_event("ROOM_OCCUPANCY", 99, at=at - 1 - number, room_id=room))
            assert [stream.next()["data"]["occupancy"]["value"] for stream in streams] == [number] * 5
