"""The wiring: settings become parts, parts become an ASGI app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import stamina.instrumentation
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route

from . import logs
from .assets import AssetSource, build_source
from .butlr import Butlr, Http, ServiceTokens
from .cache import open_store
from .loaders import Services
from .schema import Engine, Limits, build_schema
from .settings import Settings, SettingsError, load
from .upstream import Exchange, Reports, Service, Sightings, Upstream
from .upstream.jwks import Keys
from .upstream.verifying import Verifier
from .web.callers import Callers
from .web.documents import Trusted, read_manifest
from .web.draining import CountsRequests, Draining
from .web.graphiql import GraphiQL
from .web.graphql import GraphQLEndpoint
from .web.guard import LocalHosts
from .web.health import Health
from .web.metrics import Metrics
from .web.rates import RateLimit
from .web.requests import RequestLog
from .web.rest import LegacyRest
from .web.v2 import V2

# It would log each retry by itself; what came of them is in the error, the access log and the readiness.
stamina.instrumentation.set_on_retry_hooks(())


class Facade:
    """All parts of one process, opened and closed together."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = Engine(
            build_schema(settings.extra_measurements),
            limits=Limits(
                depth=settings.max_depth,
                aliases=settings.max_aliases,
                tokens=settings.max_tokens,
                cost=settings.max_cost,
            ),
            introspection=settings.introspection,
        )
        self.services: Services | None = None
        self.service: Service | None = None
        self.verifier: Verifier | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Facade"]:
        settings = self.settings
        http = Http(settings.base_url, timeout=settings.upstream_timeout)
        butlr = Butlr(http, refresh_path=settings.refresh_path)
        store = open_store(settings.cache_url.get_secret_value(), settings.cache_max_bytes)
        upstream = Upstream(
            butlr,
            store,
            exchange=Exchange(concurrency=settings.upstream_concurrency, retries=settings.upstream_retries),
            recheck=settings.token_recheck,
            stale_if_error=settings.stale_if_error,
            stale_while_revalidate=settings.stale_while_revalidate,
        )
        tokens = None
        if settings.client_id and settings.client_secret and (settings.auth == "service" or settings.demo):
            tokens = ServiceTokens(butlr, settings.client_id, settings.client_secret.get_secret_value())
            self.service = Service(tokens, scope="service")
        if settings.jwks_url:
            self.verifier = _verifier(settings, settings.jwks_url)
        self.services = Services(
            upstream=upstream,
            reports=Reports(upstream, calibration_key=settings.calibration_key),
            sightings=Sightings(upstream),
            assets=self._source(upstream),
            native="native" in settings.assets,
        )
        try:
            yield self
        finally:
            self.services = None
            await upstream.aclose()
            if tokens:
                await tokens.aclose()
            if self.verifier:
                await self.verifier.aclose()
            await store.aclose()
            await http.aclose()

    def _source(self, upstream: Upstream) -> AssetSource:
        settings = self.settings
        try:
            return build_source(
                settings.assets,
                upstream=upstream,
                discovery_span=timedelta(seconds=settings.discovery_span),
                inventory_path=settings.inventory,
            )
        except ValueError as exc:
            raise SettingsError(str(exc)) from exc

    def opened_services(self) -> Services:
        if self.services is None:
            raise RuntimeError("the facade is not open")
        return self.services

    def callers(self) -> Callers:
        return Callers(
            service=self.service,
            api_keys=[key.get_secret_value() for key in self.settings.api_keys],
            passthrough=self.settings.auth == "passthrough",
            verifier=self.verifier,
        )


def _verifier(settings: Settings, jwks_url: str) -> Verifier:
    try:
        keys = Keys(jwks_url)
    except ValueError:
        raise SettingsError("FACADE_JWKS_URL: write the address of a JWKS, with http:// or https://") from None
    return Verifier(
        keys,
        issuer=settings.jwt_issuer or None,
        audience=settings.jwt_audience,
        tenant_claim=settings.jwt_tenant_claim,
    )


def _trusted(settings: Settings) -> Trusted | None:
    if settings.trusted_documents is None:
        return None
    try:
        return read_manifest(settings.trusted_documents)
    except ValueError as exc:
        raise SettingsError(f"FACADE_TRUSTED_DOCUMENTS: {exc}") from exc


def _rate_limit(settings: Settings) -> RateLimit | None:
    if settings.rate_limit is None:
        return None
    return RateLimit.create(settings.rate_limit, settings.cache_url.get_secret_value())


def create_app(settings: Settings | None = None) -> Starlette:
    """Return the ASGI app. Raises `SettingsError` for a wrong setting."""
    settings = settings or load()
    logs.configure(settings.log_format)
    facade = Facade(settings)
    callers: list[Callers] = []
    rate_limit = _rate_limit(settings)

    draining = Draining()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with facade.opened():
            callers[:] = [facade.callers()]
            with draining.heard():
                yield
        if rate_limit:
            await rate_limit.aclose()

    metrics = Metrics()
    graphiql = GraphiQL() if settings.graphiql else None
    graphql = GraphQLEndpoint(
        facade.engine,
        facade.opened_services,
        lambda: callers[0],
        graphiql=graphiql,
        max_body_bytes=settings.max_body_bytes,
        operation_timeout=settings.operation_timeout,
        documents=_trusted(settings),
        rate_limit=rate_limit,
        cors_origins=settings.cors_origins,
        metrics=metrics,
    )
    rest = LegacyRest(
        facade.opened_services,
        lambda: callers[0],
        refresh_path=settings.refresh_path,
        max_body_bytes=settings.max_body_bytes,
        operation_timeout=settings.operation_timeout,
        rate_limit=rate_limit,
        forward_unknown=settings.forward_unknown,
    )
    v2 = V2(
        facade.engine,
        facade.opened_services,
        lambda: callers[0],
        operation_timeout=settings.operation_timeout,
        rate_limit=rate_limit,
        cors_origins=settings.cors_origins,
    )
    health = Health(lambda: facade.services, draining)
    routes: list[BaseRoute] = [
        Route("/graphql", graphql),
        Route("/api/v3/graphql", graphql),
        *rest.routes(),
        *v2.routes(),
        Route("/healthz", health.live),
        Route("/readyz", health.ready),
        Route("/metrics", metrics.endpoint),
    ]
    if graphiql:
        routes.append(graphiql.route())
    routes.append(rest.unknown())
    middleware = [Middleware(CountsRequests, draining), Middleware(RequestLog, metrics)]
    if settings.trusts_its_network:
        middleware.append(Middleware(LocalHosts, settings.host))
    if settings.cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=[
                    "Authorization",
                    "X-API-Key",
                    "Content-Type",
                    "X-Request-Id",
                    "Cache-Control",
                    "X-Apollo-Operation-Name",
                    "Apollo-Require-Preflight",
                ],
                expose_headers=["X-Cache", "Age", "X-Request-Id", "ETag", "Retry-After"],
            )
        )
    return Starlette(routes=routes, middleware=middleware, lifespan=lifespan)
