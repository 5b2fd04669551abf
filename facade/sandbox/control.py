"""`/_sandbox/…`: the interface for tests. Butlr has no such paths, and they need no token."""

from collections.abc import Callable
from dataclasses import asdict

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .auth import DEMO_TENANT
from .campus import Campus
from .clock import SandboxClock
from .config import SandboxConfig
from .faults import Script, ScriptedFault
from .gate import CallLog
from .replies import json_reply
from .webhooks import Webhooks


def control_routes(
    config: SandboxConfig,
    calls: CallLog,
    script: Script,
    campus_of: Callable[[str], Campus],
) -> list[Route]:
    async def read_calls(_: Request) -> Response:
        return json_reply(calls.record())

    async def forget_calls(_: Request) -> Response:
        calls.clear()
        return Response(status_code=204)

    async def set_faults(request: Request) -> Response:
        try:
            records = orjson.loads(await request.body())
            faults = [ScriptedFault.from_record(record) for record in records]
        except (ValueError, TypeError) as exc:
            return json_reply({"message": str(exc)}, 400)
        script.faults = faults
        return Response(status_code=204)

    async def clear_faults(_: Request) -> Response:
        script.faults = []
        return Response(status_code=204)

    async def set_config(request: Request) -> Response:
        try:
            config.change(orjson.loads(await request.body()))
        except (ValueError, AttributeError) as exc:
            return json_reply({"message": str(exc)}, 400)
        return Response(status_code=204)

    async def read_campus(request: Request) -> Response:
        campus = campus_of(request.query_params.get("tenant", DEMO_TENANT))
        return json_reply(campus.inventory())

    return [
        Route("/_sandbox/calls", read_calls, methods=["GET"]),
        Route("/_sandbox/calls", forget_calls, methods=["DELETE"]),
        Route("/_sandbox/faults", set_faults, methods=["PUT"]),
        Route("/_sandbox/faults", clear_faults, methods=["DELETE"]),
        Route("/_sandbox/config", set_config, methods=["PUT"]),
        Route("/_sandbox/campus", read_campus, methods=["GET"]),
    ]


def time_routes(clock: SandboxClock, webhooks: Webhooks | None) -> list[Route]:
    """The clock, and what was posted as it ran."""

    async def read_clock(_: Request) -> Response:
        return json_reply(clock.record())

    async def set_clock(request: Request) -> Response:
        try:
            clock.change(orjson.loads(await request.body()))
        except ValueError as exc:
            return json_reply({"message": str(exc)}, 400)
        if webhooks:
            webhooks.clock_moved()
        return json_reply(clock.record())

    async def read_webhooks(_: Request) -> Response:
        return json_reply(asdict(webhooks.deliveries) if webhooks else None)

    return [
        Route("/_sandbox/clock", read_clock, methods=["GET"]),
        Route("/_sandbox/clock", set_clock, methods=["PUT"]),
        Route("/_sandbox/webhooks", read_webhooks, methods=["GET"]),
    ]
