"""Assemble the HTTP side: routes, middleware, and the app's lifespan."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from . import logs
from .settings import Settings
from .web.admission import Admission
from .web.arrival import Arrival
from .web.graphiql import GraphiQL, to_the_page
from .web.graphql import GraphQLEndpoint
from .web.health import Health
from .web.metrics import Metrics
from .web.middleware.access_log import AccessLogging
from .web.middleware.audit import Audited
from .web.middleware.cached_responses import CachedResponses
from .web.middleware.csrf import EXPOSED, LocalHosts, Origins
from .web.middleware.draining import CountsRequests, Draining
from .web.middleware.normalizing import Normalizes
from .web.middleware.prefix import Prefixed
from .web.response_cache import ResponseCache
from .web.rest.calls import LegacyRest
from .web.rest.export import Exports
from .web.rest.openapi import Reference
from .web.rest.shadow import Shadow
from .web.rest.translate import TranslateEndpoint
from .web.rest.usage import CountsUsage, UsageEndpoint
from .web.rest.v2 import V2
from .web.subscriptions.connection import SocketSetup
from .web.subscriptions.stream import Streams
from .web.subscriptions.websocket import SocketEndpoint
from .web.trusted_documents import Persisted
from .web.webhooks import WebhookEndpoint

if TYPE_CHECKING:
    from .agents.endpoint import AgentsEndpoint
from .components import Components
from .optional_parts import agents_of, audit_log_of, page_of, rate_limit_of, trusted_documents, usage_of
from .process import close_tracer, say, under_way

# The second is the path of Butlr's own GraphQL API.
GRAPHQL_PATHS = ("/graphql", "/api/v3/graphql")


class Wiring:
    """The parts of one app, each made at first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.components = Components(settings, self.metrics)
        self.metrics.live(lambda: self.components.live.counts if self.components.live else None)
        self.draining = Draining()
        self.audit = audit_log_of(settings)
        self.access = logs.AccessLog(settings.log_format)
        self.rate_limit = rate_limit_of(settings)
        self.origins = Origins(settings.cors_origins, with_loopback=settings.demo)
        self.trusted = trusted_documents(settings)
        self.documents = self.trusted or Persisted()
        self.graphiql = page_of(settings) if settings.graphiql else None
        self.usage = usage_of(settings)
        self.counts = CountsUsage(self.usage, self.metrics, tenant_claim=settings.jwt_tenant_claim)

    @cached_property
    def admission(self) -> Admission:
        components = self.components
        return Admission(
            components.opened_authentication,
            lambda caller: components.opened_services().upstream.rights.is_proven(caller),  # noqa: PLW0108 -- not open yet
            rate_limit=self.rate_limit,
            cors_origins=self.origins,
        )

    @cached_property
    def response_cache(self) -> ResponseCache:
        return ResponseCache(
            lambda: self.components.services,
            routes=GRAPHQL_PATHS,
            access=self.access,
            rate_limit=self.rate_limit,
            metrics=self.metrics,
            audit=self.audit,
            usage=self.counts,
            is_ending=lambda: self.draining.begun,
        )

    @cached_property
    def shadow(self) -> Shadow | None:
        if not self.settings.shadow:
            return None
        return Shadow(
            self.settings.shadow,
            self.components.engine,
            self.components.opened_services,
            self.usage,
            self.metrics,
            refresh_path=self.settings.refresh_path,
        )

    @cached_property
    def streams(self) -> Streams:
        return Streams(
            self.components.engine,
            self.components.opened_services,
            self.components.opened_live,
            draining=self.draining,
            metrics=self.metrics,
            operation_timeout=self.settings.operation_timeout,
        )

    @cached_property
    def assistants(self) -> "AgentsEndpoint | None":
        settings = self.settings
        if not settings.mcp:
            return None
        agents = agents_of(settings, self.components, "FACADE_MCP", self.trusted)
        from .agents.endpoint import AgentsEndpoint  # noqa: PLC0415 -- the protocol's SDK is an extra

        return AgentsEndpoint(
            agents,
            self.components.opened_services,
            self.admission,
            max_body_bytes=settings.max_body_bytes,
            operation_timeout=settings.operation_timeout,
            cors_origins=self.origins,
            metrics=self.metrics,
        )

    def graphql(self) -> list[BaseRoute]:
        """Return the routes of GraphQL over HTTP and WebSocket."""
        settings, components = self.settings, self.components
        endpoint = GraphQLEndpoint(
            components.engine,
            components.opened_services,
            self.admission,
            graphiql=self.graphiql,
            max_body_bytes=settings.max_body_bytes,
            operation_timeout=settings.operation_timeout,
            documents=self.documents,
            cors_origins=self.origins,
            metrics=self.metrics,
            draining=self.draining,
            streams=self.streams,
            explain=settings.explain,
        )
        setup = SocketSetup(
            components.engine,
            self.streams,
            self.admission,
            self.documents,
            settings.max_body_bytes,
            explain=settings.explain,
            draining=self.draining,
            audit=self.audit,
            usage=self.counts,
        )
        socket = SocketEndpoint(setup, cors_origins=self.origins)
        return [
            *(Route(path, endpoint) for path in GRAPHQL_PATHS),
            *(WebSocketRoute(path, socket) for path in GRAPHQL_PATHS),
        ]

    def rest(self) -> LegacyRest:
        return LegacyRest(
            self.components.opened_services,
            self.admission,
            refresh_path=self.settings.refresh_path,
            max_body_bytes=self.settings.max_body_bytes,
            operation_timeout=self.settings.operation_timeout,
            forward_unknown=self.settings.forward_unknown,
            shadow=self.shadow,
        )

    def v2(self) -> V2:
        return V2(
            self.components.engine,
            self.components.opened_services,
            self.admission,
            operation_timeout=self.settings.operation_timeout,
            shadow=self.shadow,
        )

    def exports(self) -> Exports:
        return Exports(
            self.components.opened_services,
            self.admission,
            self.components.spool,
            max_points=self.settings.export_max_points,
            max_body_bytes=self.settings.max_body_bytes,
            exported=self.metrics.exported,
            piece_timeout=self.settings.operation_timeout,
        )

    def page(self, graphiql: GraphiQL) -> list[BaseRoute]:
        translate = TranslateEndpoint(
            self.components.engine,
            refresh_path=self.settings.refresh_path,
            max_body_bytes=self.settings.max_body_bytes,
            introspection=self.settings.introspection,
            rate_limit=self.rate_limit,
        )
        return [Route("/", to_the_page), translate.route(), graphiql.route()]

    def webhooks(self, secret: str) -> BaseRoute:
        return WebhookEndpoint(self.components.opened_live, secret, max_body_bytes=self.settings.max_body_bytes).route()

    def routes(self) -> list[BaseRoute]:
        settings, health, rest = self.settings, Health(lambda: self.components.services, self.draining), self.rest()
        routes = [
            *self.graphql(),
            *rest.routes(),
            *self.v2().routes(),
            *self.exports().routes(),
            *Reference(refresh_path=settings.refresh_path).routes(),
            Route("/healthz", health.live),
            Route("/readyz", health.ready),
            Route("/metrics", self.metrics.endpoint),
        ]
        if self.graphiql:
            routes += self.page(self.graphiql)
        if settings.webhook_secret:
            routes.append(self.webhooks(settings.webhook_secret.get_secret_value()))
        if settings.usage_key:
            key = settings.usage_key.get_secret_value()
            routes += UsageEndpoint(self.usage, key, self.components.engine.schema).routes()
        if self.assistants:
            routes.append(self.assistants.route())
        # Last, since it matches every path.
        return [*routes, rest.unknown()]

    def middleware(self) -> list[Middleware]:
        """Return the middleware, outermost first."""
        layers = [
            Middleware(Prefixed),
            Middleware(CachedResponses, self.response_cache),
            Middleware(Normalizes),
            Middleware(CountsRequests, self.draining),
            Middleware(AccessLogging, self.access, self.metrics, self.counts),
        ]
        if self.audit:
            layers.append(Middleware(Audited, self.audit))
        if self.settings.trusts_its_network:
            layers.append(Middleware(LocalHosts, self.settings.host))
        if self.origins:
            layers.append(
                Middleware(
                    CORSMiddleware,
                    allow_origins=self.origins.listed,
                    allow_origin_regex=self.origins.pattern,
                    allow_methods=["GET", "POST"],
                    # All headers are allowed: cookies are ignored here, and tracing libraries add many headers.
                    allow_headers=["*"],
                    expose_headers=EXPOSED,
                )
            )
        return layers

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[dict[str, Any]]:
        """Open and close the parts. The state is for connections, which may answer before the app."""
        settings, assistants = self.settings, self.assistants
        async with self.components.opened():
            behind = [self.usage.run(), self.metrics.run(), *([self.shadow.run()] if self.shadow else [])]
            async with under_way(*behind), assistants.running() if assistants else nullcontext():
                with self.draining.heard():
                    say(settings, "started")
                    arrival = Arrival(settings.max_head_bytes, settings.request_timeout)
                    yield {"response_cache": self.response_cache, "arrival": arrival}
                    say(settings, "stopped")
            self.metrics.settle()
        await self.usage.aclose()
        await close_tracer()
        if self.rate_limit:
            await self.rate_limit.aclose()
