"""The bound in bytes holds for the process's memory, not only in the cache's own accounting."""

import json
import socket
import threading

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

pytestmark = pytest.mark.slow

MIB = 1 << 20
BOUND = 32 * MIB
# Of a MiB or so each: many times the bound.
ANSWERS = 130
# Above what the process is after its first answers: the bound, and what answers under way and a fragmented heap take.
GROWTH = BOUND + 32 * MIB
REPORT = """query ($start: Time!, $stop: Time!, $sensors: [ID!]!) {
  report(filter: {start: $start, stop: $stop, measurements: [presence], sensors: {eq: $sensors}}) {
    rows { time sensor_id value } } }"""


@pytest.fixture(scope="module")
def large_answers():
    """An upstream whose every answer has 4,000 rows."""
    rows = [
        {
            "time": f"2026-01-05T17:{at // 60 % 60:02}:{at % 60:02}Z",
            "field": "presence",
            "measurement": "presence",
            "sensor_id": f"sensor_{at % 40}",
            "room_id": f"room_{at % 10}",
            "building_name": "A building with a name of some length",
            "mac_address": "00-17-0d-00-00-60-2f-57",
            "value": at % 7,
        }
        for at in range(4000)
    ]
    body = json.dumps({"data": rows}).encode()
    assert len(body) > 0.8 * MIB

    async def answer(request: Request) -> Response:
        await request.body()
        return Response(body, media_type="application/json")

    listening = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.mark.redis
@pytest.mark.parametrize("shared", [False, True], ids=["alone", "before-redis"])
async def test_a_process_asked_for_more_than_it_may_keep_stays_within_its_bound(
    launch, large_answers, redis, asker, memory_of, shared
):
    redis.kill()
    redis.start(maxmemory=64 * MIB, maxmemory_policy="allkeys-lru")
    settings = {"FACADE_CACHE_URL": f"redis://127.0.0.1:{redis.port}/0"} if shared else {}
    facade = launch.facade(large_answers, FACADE_CACHE_MAX_BYTES="32MiB", **settings)
    ask = asker(facade)
    resident = []

    async def operation(number):
        span = {"start": "2026-01-05T17:00:00Z", "stop": "2026-01-05T18:00:00Z"}
        status, answer, _ = await ask.ask("a-token", REPORT, {**span, "sensors": [f"sensor_{number}"]})
        assert (status, len(answer["data"]["report"]["rows"])) == (200, 4000)
        resident.append(memory_of(facade.process.pid))

    try:
        await ask.each(2, [lambda number=number: operation(number) for number in range(4)])
        first = max(resident)
        await ask.each(2, [lambda number=number: operation(number) for number in range(4, ANSWERS)])
    finally:
        facade.stop()
    print(f"{first >> 20} MiB after 4 answers; up to {max(resident) >> 20}, {resident[-1] >> 20} after {ANSWERS}")
    assert max(resident) < first + GROWTH
    # What is above the bound does not grow: the last third is where the second was.
    assert max(resident[-ANSWERS // 3 :]) < max(resident[: -ANSWERS // 3]) + 8 * MIB
