"""Liveness and readiness."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from ..loaders import Services
from .json_responses import fleeting
from .middleware.draining import Draining


class Health:
    """`/healthz` says that the process runs; `/readyz` that it can serve, and the state of the upstream and the cache.

    A replica is ready even if the upstream or Redis is down, since it can serve stale answers.
    """

    def __init__(self, services: Callable[[], Services | None], draining: Draining) -> None:
        self._services = services
        self._draining = draining

    async def live(self, _request: Request) -> Response:
        services = self._services()
        return fleeting(200, {"status": "ok", "upstream": services.upstream.state if services else "unknown"})

    async def ready(self, _request: Request) -> Response:
        services = self._services()
        if services is None:
            return fleeting(503, {"status": "starting"})
        cache = await services.upstream.store.ping()
        status = "draining" if self._draining.begun else "ready"
        return fleeting(
            503 if self._draining.begun else 200,
            {"status": status, "upstream": services.upstream.state, "cache": cache},
        )
