"""Liveness and readiness."""

from collections.abc import Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ..loaders import Services


class Health:
    """`/healthz` says that the process lives; `/readyz` that it can serve, and how its neighbours are.

    An upstream or a Redis that is down does not make a replica unready: stale answers are of use.
    """

    def __init__(self, services: Callable[[], Services | None]) -> None:
        self._services = services

    async def live(self, _request: Request) -> Response:
        return _json({"status": "ok"}, 200)

    async def ready(self, _request: Request) -> Response:
        services = self._services()
        if services is None:
            return _json({"status": "starting"}, 503)
        cache = await services.upstream.store.ping()
        return _json({"status": "ready", "upstream": services.upstream.state, "cache": cache}, 200)


def _json(answer: object, status: int) -> Response:
    return Response(orjson.dumps(answer), status, {"Cache-Control": "no-store"}, media_type="application/json")
