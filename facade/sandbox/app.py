"""The ASGI app of the sandbox: its routes and their handlers."""

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from . import detections, native, reporting, stats
from .auth import DEMO_TENANT, OTHER_TENANT, Auth, Refused, jwks
from .campus import Campus
from .clock import SandboxClock
from .config import SandboxConfig
from .construction import build_campus
from .control import control_routes, time_routes
from .events import Events
from .faults import Script
from .gate import CallLog, Gate
from .people import People
from .replies import json_reply
from .report_query import parse_report
from .validation import Invalid, read_body
from .webhooks import Webhooks

TENANTS = (DEMO_TENANT, OTHER_TENANT)
# Added to a seed for another random stream. It is larger than the difference of seeds in common use.
TENANT_SEED_STEP = 1_000_003
LEGACY_NOTICE = (
    "This version of the API reached its end of life on 2024-10-11. "
    "Use POST /api/v3/reporting and POST /api/v3/detections, and /api/v3/graphql for assets."
)


def create_app(config: SandboxConfig | None = None) -> Starlette:
    config = config or SandboxConfig()
    auth = Auth(config.clock)
    calls = CallLog()
    script = Script()
    clock = SandboxClock(config.clock, config.starts_at)
    upstream = _Upstream(config, auth, clock)
    webhooks = _webhooks(config, upstream, clock)
    return Starlette(
        lifespan=webhooks.running if webhooks else None,
        routes=[
            *upstream.routes(),
            *control_routes(config, calls, script, upstream.campus),
            *time_routes(clock, webhooks),
        ],
        middleware=[Middleware(Gate, config=config, auth=auth, calls=calls, script=script)],
        exception_handlers={Invalid: _invalid, Refused: _refused, HTTPException: _http_error},
    )


def _webhooks(config: SandboxConfig, upstream: "_Upstream", clock: SandboxClock) -> Webhooks | None:
    if not config.webhooks:
        return None
    # Built with the first posted minute, since a campus of many sensors takes a second.
    events = cache(lambda: Events(upstream.people(DEMO_TENANT)))
    return Webhooks(
        config.webhooks, events, clock, seed=config.seed, secret=config.webhook_secret, auth=config.webhook_auth
    )


class _Upstream:
    def __init__(self, config: SandboxConfig, auth: Auth, clock: SandboxClock) -> None:
        self._config = config
        self._auth = auth
        self._clock = clock
        self.people = lru_cache(maxsize=None)(self._populate)

    def campus(self, tenant: str) -> Campus:
        return self.people(tenant).campus

    def routes(self) -> list[Route]:
        post = partial(Route, methods=["POST"])
        return [
            post("/api/v2/login", self._tokens(self._auth.login)),
            post(self._config.refresh_path, self._tokens(self._auth.refresh)),
            post("/api/v2/clients/login", self._tokens(self._auth.client_login)),
            post("/api/v3/reporting", self.report),
            post("/api/v3/detections", self.detect),
            post("/api/v4/reporting/stats", self.stats),
            post("/api/v3/graphql", self.graphql),
            Route("/.well-known/jwks.json", self.keys),
            *(Route(f"/api/v2/{noun}{{rest:path}}", self.gone) for noun in ("sensors", "hives", "spaces")),
        ]

    async def report(self, request: Request) -> Response:
        people = self._people_of(request)
        query = parse_report(read_body(await request.body()), self._clock(), self._config.era)
        reply = reporting.answer(
            query,
            people,
            max_points=self._config.max_points,
            max_ids=self._config.max_ids,
            shallow=self._config.shallow_groups,
        )
        if isinstance(reply, str):
            return PlainTextResponse(reply, media_type="text/csv")
        return json_reply(reply)

    async def detect(self, request: Request) -> Response:
        people = self._people_of(request)
        query = detections.parse_detections(read_body(await request.body()), self._clock())
        return json_reply(detections.answer(query, people, max_points=self._config.max_points))

    async def stats(self, request: Request) -> Response:
        people = self._people_of(request)
        query = stats.parse_stats(read_body(await request.body()), people.campus, self._clock())
        return json_reply(stats.answer(query, people, max_points=self._config.max_points))

    async def graphql(self, request: Request) -> Response:
        """A refusal comes with status 200 here, as GraphQL has it; a malformed request does not."""
        try:
            caller = self._auth.caller(request.headers.get("authorization"))
        except Refused as exc:
            return json_reply(native.failure("UNAUTHENTICATED", exc.message))
        if not caller.may_read("spaces"):
            return json_reply(native.failure("FORBIDDEN", "Insufficient scope: read:spaces is needed"))
        context = native.Context(self.campus(caller.tenant), caller.tenant, self._clock())
        status, reply = native.execute(read_body(await request.body()), context)
        return json_reply(reply, status)

    async def keys(self, _: Request) -> Response:
        return json_reply(jwks())

    async def gone(self, _: Request) -> Response:
        return json_reply({"message": LEGACY_NOTICE}, 410)

    def _tokens(self, grant: Callable[[dict[str, Any], int], dict[str, Any]]) -> Callable[[Request], Any]:
        async def login(request: Request) -> Response:
            return json_reply(grant(read_body(await request.body()), self._config.token_ttl))

        return login

    def _people_of(self, request: Request) -> People:
        caller = self._auth.caller(request.headers.get("authorization"))
        if not caller.may_read("sensors"):
            raise Refused(403, "Insufficient scope: read:sensors is needed")
        return self.people(caller.tenant)

    def _populate(self, tenant: str) -> People:
        if tenant not in TENANTS:
            raise Refused(404, f"No tenant {tenant}: there are {', '.join(TENANTS)}")
        seed = self._config.seed + TENANTS.index(tenant) * TENANT_SEED_STEP
        config = self._config
        campus = build_campus(config.sensors, seed, sites=config.sites, unplaced=config.unplaced)
        return People(campus, seed)


async def _invalid(_: Request, exc: Exception) -> Response:
    errors = exc.errors if isinstance(exc, Invalid) else []
    return json_reply({"message": "Invalid request", "errors": errors}, 400)


async def _refused(_: Request, exc: Exception) -> Response:
    if not isinstance(exc, Refused):
        raise exc
    return json_reply({"message": exc.message}, exc.status, exc.headers)


async def _http_error(_: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    return json_reply({"message": exc.detail}, exc.status_code, exc.headers)
