"""The wiring: settings become parts, parts become an ASGI app."""

import asyncio
import os
from collections.abc import AsyncIterator, Container, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from datetime import timedelta
from functools import cached_property, partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import stamina.instrumentation
import structlog
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from . import logs, tracing
from .assets import AssetSource, build_source, part_of, read_orgs
from .auth import Service
from .auth.jwks import Keys
from .auth.jwt_verifier import Verifier
from .auth.token_store import SharedTokenStore
from .butlr import PACKED_FROM, Butlr, Http, ServiceTokens
from .cache import Store, open_store
from .execution import Engine, Limits
from .export import Spool
from .graph import build_schema
from .legacy.usage import Usage
from .live import Live
from .loaders import Reports, Services
from .series import DetectionsReader, Labels
from .settings import Settings, SettingsError, load
from .upstream import Dispatcher, Upstream
from .web.admission import Admission
from .web.arrival import Arrival
from .web.authentication import Authentication
from .web.demo import DEMO
from .web.graphiql import GraphiQL, is_built, to_the_page
from .web.graphql import GraphQLEndpoint
from .web.health import Health
from .web.metrics import Metrics
from .web.middleware.access_log import AccessLogging
from .web.middleware.audit import Audited, AuditLog
from .web.middleware.cached_responses import CachedResponses
from .web.middleware.csrf import LocalHosts, Origins
from .web.middleware.draining import CountsRequests, Draining
from .web.middleware.normalizing import Normalizes
from .web.middleware.prefix import Prefixed
from .web.rate_limit import RateLimit
from .web.response_cache import ResponseCache
from .web.rest.calls import LegacyRest
from .web.rest.export import Exports
from .web.rest.openapi import Reference
from .web.rest.shadow import Shadow
from .web.rest.translate import TranslateEndpoint
from .web.rest.usage import CountsUsage, UsageEndpoint
from .web.rest.v2 import V2
from .web.subscriptions.stream import Streams
from .web.subscriptions.websocket import SocketEndpoint
from .web.trusted_documents import Persisted, Trusted, read_manifest
from .web.webhooks import WebhookEndpoint

if TYPE_CHECKING:
    from .agents import Agents
    from .agents.endpoint import AgentsEndpoint

log = structlog.get_logger(__name__)

# The second is the one of Butlr's own GraphQL API.
GRAPHQL_PATHS = ("/graphql", "/api/v3/graphql")
# What a page may read of an answer, beside what every page may.
EXPOSED = (
    "Age",
    "Deprecation",
    "ETag",
    "Link",
    "Retry-After",
    "Sunset",
    "WWW-Authenticate",
    "X-Cache",
    "X-Cost",
    "X-Cost-Limit",
    "X-Request-Id",
    "X-Resolved-Span",
    "X-Successor-Operation",
    "X-Upstream-Calls",
)

# It would log each retry by itself; what came of them is in the error, the access log and the readiness.
stamina.instrumentation.set_on_retry_hooks(())


class Components:
    """All parts of one process, opened and closed together."""

    def __init__(self, settings: Settings, metrics: Metrics | None = None, *, packed_from: int = PACKED_FROM) -> None:
        """`packed_from`: bytes from which on an answer of the upstream is held packed, and not cached as it came."""
        self.settings = settings
        self._packed_from = packed_from
        self.metrics = metrics
        self.spool = Spool(settings.export_spool_bytes)
        self.services: Services | None = None
        self.live: Live | None = None
        self.service: Service | None = None
        self.verifier: Verifier | None = None

    @cached_property
    def engine(self) -> Engine:
        """Made when it is first asked for: a command that runs no operation does without."""
        settings = self.settings
        return Engine(
            build_schema(settings.extra_measurements, incremental=settings.incremental),
            limits=Limits(
                depth=settings.max_depth,
                aliases=settings.max_aliases,
                tokens=settings.max_tokens,
                cost=settings.max_cost,
            ),
            introspection=settings.introspection,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Components"]:
        settings = self.settings
        async with AsyncExitStack() as stack:
            with _names("BUTLR_BASE_URL"):
                http = Http(
                    settings.base_url,
                    timeout=settings.upstream_timeout,
                    packed_from=self._packed_from,
                    own_headers=tracing.outgoing if settings.otel_upstream else dict,
                )
            stack.push_async_callback(http.aclose)
            butlr = Butlr(http, refresh_path=settings.refresh_path)
            with _names("FACADE_CACHE_URL"):
                store = open_store(settings.cache_url.get_secret_value(), settings.cache_max_bytes)
            stack.push_async_callback(store.aclose)
            if settings.jwks_url:
                self.verifier = _verifier(settings, settings.jwks_url)
                stack.push_async_callback(self.verifier.aclose)
            if settings.client_id and settings.client_secret and (settings.auth == "service" or settings.demo):
                tokens = _service_tokens(settings, butlr, store, settings.client_id, settings.client_secret)
                stack.push_async_callback(tokens.aclose)
                self.service = Service(tokens, scope="service")
            upstream = Upstream(
                butlr,
                store,
                dispatcher=Dispatcher(
                    concurrency=settings.upstream_concurrency,
                    retries=settings.upstream_retries,
                    observer=self.metrics,
                ),
                recheck=settings.token_recheck,
                stale_if_error=settings.stale_if_error,
                stale_while_revalidate=settings.stale_while_revalidate,
            )
            stack.push_async_callback(upstream.aclose)
            if self.metrics:
                self.metrics.gauges.watch(store, upstream.traffic)
            labels = Labels(settings.window_label)
            source = self._source(upstream, labels)
            reports = Reports.create(upstream, labels, calibration_key=settings.calibration_key)
            stack.push_async_callback(reports.aclose)
            stack.push_async_callback(self.spool.aclose)
            self.services = Services(
                upstream=upstream,
                reports=reports,
                detections=DetectionsReader(upstream),
                assets=source,
                native=part_of(source, "native"),
            )
            live = Live(
                store,
                source,
                every=settings.live_every,
                most=settings.live_max,
                recheck=settings.token_recheck,
                wall=upstream.clock,
                orgs=partial(read_orgs, upstream) if settings.webhook_secret else None,
            )
            self.live = await stack.enter_async_context(live.running())
            try:
                yield self
            finally:
                self.services = self.live = None

    def _source(self, upstream: Upstream, labels: Labels) -> AssetSource:
        settings = self.settings
        try:
            return build_source(
                settings.assets,
                upstream=upstream,
                labels=labels,
                discovery_span=timedelta(seconds=settings.discovery_span),
                inventory_path=settings.inventory,
            )
        except ValueError as exc:
            raise SettingsError(str(exc)) from exc

    def opened_services(self) -> Services:
        if self.services is None:
            raise RuntimeError("the facade is not open")
        return self.services

    def opened_live(self) -> Live:
        if self.live is None:
            raise RuntimeError("the facade is not open")
        return self.live

    def callers(self) -> Authentication:
        return Authentication(
            service=self.service,
            api_keys=[key.get_secret_value() for key in self.settings.api_keys],
            passthrough=self.settings.auth == "passthrough",
            verifier=self.verifier,
        )


def _service_tokens(
    settings: Settings, butlr: Butlr, store: Store, client_id: str, client_secret: SecretStr
) -> ServiceTokens:
    secret = client_secret.get_secret_value()
    token_store = None
    if settings.is_cache_shared:
        token_store = SharedTokenStore(store, base_url=settings.base_url, client_id=client_id, client_secret=secret)
    return ServiceTokens(butlr, client_id, secret, token_store=token_store)


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


@contextmanager
def _names(setting: str) -> Iterator[None]:
    """Say which setting it was that a part could not be made from."""
    try:
        yield
    except ValueError as exc:
        raise SettingsError(f"{setting}: {exc}") from None


def _trusted(settings: Settings) -> Trusted | None:
    if settings.trusted_documents is None:
        return None
    try:
        return read_manifest(settings.trusted_documents)
    except ValueError as exc:
        raise SettingsError(f"FACADE_TRUSTED_DOCUMENTS: {exc}") from exc


def _watch(settings: Settings) -> None:
    """Set up this process's log and its spans."""
    logs.configure(settings.log_format)
    tracing.use(_tracer(settings))


def _tracer(settings: Settings) -> tracing.Tracer | None:
    if not settings.otel:
        return None
    try:
        from .otel import OtelTracer, exporters  # noqa: PLC0415 -- OpenTelemetry is an extra

        return OtelTracer(exporters(), documents=settings.otel_documents)
    except ImportError:
        raise SettingsError("FACADE_OTEL needs: pip install 'butlr-graphql-facade[otel]'") from None
    except ValueError as exc:
        raise SettingsError(f"FACADE_OTEL: {exc}") from exc


def agents_of(settings: Settings, facade: Components, needed_by: str, trusted: Trusted | None = None) -> "Agents":
    """Return what assistants may call. Raises `SettingsError` where the extra is not installed."""
    try:
        from .agents import Agents  # noqa: PLC0415 -- the protocol's SDK is an extra
    except ImportError:
        raise SettingsError(f"{needed_by} needs: pip install 'butlr-graphql-facade[mcp]'") from None
    trusted = trusted or _trusted(settings)
    return Agents(facade.engine, introspection=settings.introspection, documents=trusted.texts if trusted else None)


def _agents_endpoint(
    settings: Settings,
    facade: Components,
    admission: Admission,
    metrics: Metrics,
    trusted: Trusted | None,
    origins: Container[str],
) -> "AgentsEndpoint | None":
    if not settings.mcp:
        return None
    agents = agents_of(settings, facade, "FACADE_MCP", trusted)
    from .agents.endpoint import AgentsEndpoint  # noqa: PLC0415 -- the same

    return AgentsEndpoint(
        agents,
        facade.opened_services,
        admission,
        max_body_bytes=settings.max_body_bytes,
        operation_timeout=settings.operation_timeout,
        cors_origins=origins,
        metrics=metrics,
    )


async def _close_tracer() -> None:
    if tracer := tracing.tracer():
        # It waits for what it exports to.
        await asyncio.to_thread(tracer.close)


def _say(settings: Settings, event: str) -> None:
    """A start or an end, for whoever collects the log. A person at a terminal sees the greeting."""
    if settings.log_format == "json":
        sources = ",".join(settings.assets)
        named = {"version": version("butlr-graphql-facade"), "assets": sources, "workers": settings.workers}
        log.info(event, pid=os.getpid(), **named)


def _rate_limit(settings: Settings) -> RateLimit | None:
    if settings.rate_limit is None:
        return None
    return RateLimit.create(settings.rate_limit, settings.cache_url.get_secret_value())


def _audit_log(settings: Settings) -> AuditLog | None:
    if settings.audit_log in (None, "", "off"):
        return None
    try:
        return AuditLog(settings.audit_log)
    except OSError as exc:
        raise SettingsError(f"FACADE_AUDIT_LOG: {settings.audit_log} cannot be written: {exc.strerror}") from exc


def _usage(settings: Settings) -> Usage:
    if not settings.is_cache_shared:
        return Usage()
    try:
        from .legacy.shared_usage import SharedUsage  # noqa: PLC0415 -- redis is an extra

        return SharedUsage(settings.cache_url.get_secret_value())
    except (ImportError, ValueError):
        # What is wrong with it the cache says, and stops the start.
        return Usage()


@asynccontextmanager
async def _under_way(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run what goes on beside the requests, and stop it with them."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _page(settings: Settings) -> GraphiQL | None:
    """GraphiQL; None, with a warning, where its bundle was not built, as in an install from a checkout by pip alone."""
    if not is_built():
        log.warning("graphiql.not_built", mend="run `make web-ui`; all else is served without the page")
        return None
    return GraphiQL(sandbox=DEMO if settings.demo else None)


def create_app(settings: Settings | None = None) -> Starlette:  # noqa: PLR0915 -- wiring
    """Return the ASGI app. Raises `SettingsError` for a wrong setting."""
    settings = settings or load()
    _watch(settings)
    metrics = Metrics()
    facade = Components(settings, metrics)
    metrics.live(lambda: facade.live.counts if facade.live else None)
    callers: list[Authentication] = []
    rate_limit = _rate_limit(settings)

    draining = Draining()
    audit = _audit_log(settings)
    access = logs.AccessLog(settings.log_format)
    usage = _usage(settings)
    counts = CountsUsage(usage, metrics, tenant_claim=settings.jwt_tenant_claim)
    response_cache = ResponseCache(
        lambda: facade.services,
        routes=GRAPHQL_PATHS,
        access=access,
        rate_limit=rate_limit,
        metrics=metrics,
        audit=audit,
        usage=counts,
        is_ending=lambda: draining.begun,
    )
    shadow = None
    if settings.shadow:
        shadow = Shadow(
            settings.shadow,
            facade.engine,
            facade.opened_services,
            usage,
            metrics,
            refresh_path=settings.refresh_path,
        )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with facade.opened():
            callers[:] = [facade.callers()]
            behind = [usage.run(), metrics.run(), *([shadow.run()] if shadow else [])]
            async with _under_way(*behind), assistants.running() if assistants else nullcontext():
                with draining.heard():
                    # For the server's connections, which may answer ahead of the app.
                    _say(settings, "started")
                    arrival = Arrival(settings.max_head_bytes, settings.request_timeout)
                    yield {"response_cache": response_cache, "arrival": arrival}
                    _say(settings, "stopped")
            metrics.settle()
        await usage.aclose()
        await _close_tracer()
        if rate_limit:
            await rate_limit.aclose()

    origins = Origins(settings.cors_origins, with_loopback=settings.demo)
    graphiql = _page(settings) if settings.graphiql else None
    admission = Admission(
        lambda: callers[0],
        lambda caller: facade.opened_services().upstream.accepted(caller),  # noqa: PLW0108 -- not open yet
        rate_limit=rate_limit,
        cors_origins=origins,
    )
    trusted = _trusted(settings)
    documents = trusted or Persisted()
    assistants = _agents_endpoint(settings, facade, admission, metrics, trusted, origins)
    streams = Streams(
        facade.engine,
        facade.opened_services,
        facade.opened_live,
        draining=draining,
        metrics=metrics,
        operation_timeout=settings.operation_timeout,
    )
    socket = SocketEndpoint(
        facade.engine,
        streams,
        admission,
        max_body_bytes=settings.max_body_bytes,
        documents=documents,
        explain=settings.explain,
        cors_origins=origins,
        draining=draining,
        audit=audit,
        usage=counts,
    )
    graphql = GraphQLEndpoint(
        facade.engine,
        facade.opened_services,
        admission,
        graphiql=graphiql,
        max_body_bytes=settings.max_body_bytes,
        operation_timeout=settings.operation_timeout,
        documents=documents,
        cors_origins=origins,
        metrics=metrics,
        draining=draining,
        streams=streams,
        explain=settings.explain,
    )
    rest = LegacyRest(
        facade.opened_services,
        admission,
        refresh_path=settings.refresh_path,
        max_body_bytes=settings.max_body_bytes,
        operation_timeout=settings.operation_timeout,
        forward_unknown=settings.forward_unknown,
        shadow=shadow,
    )
    v2 = V2(
        facade.engine,
        facade.opened_services,
        admission,
        operation_timeout=settings.operation_timeout,
        shadow=shadow,
    )
    health = Health(lambda: facade.services, draining)
    routes: list[BaseRoute] = [
        *(Route(path, graphql) for path in GRAPHQL_PATHS),
        *(WebSocketRoute(path, socket) for path in GRAPHQL_PATHS),
        *rest.routes(),
        *v2.routes(),
        *Exports(
            facade.opened_services,
            admission,
            facade.spool,
            max_points=settings.export_max_points,
            max_body_bytes=settings.max_body_bytes,
            exported=metrics.exported,
            piece_timeout=settings.operation_timeout,
        ).routes(),
        *Reference(refresh_path=settings.refresh_path).routes(),
        Route("/healthz", health.live),
        Route("/readyz", health.ready),
        Route("/metrics", metrics.endpoint),
    ]
    if graphiql:
        translate = TranslateEndpoint(
            facade.engine,
            refresh_path=settings.refresh_path,
            max_body_bytes=settings.max_body_bytes,
            introspection=settings.introspection,
            rate_limit=rate_limit,
        )
        routes += [Route("/", to_the_page), translate.route(), graphiql.route()]
    if settings.webhook_secret:
        secret = settings.webhook_secret.get_secret_value()
        webhooks = WebhookEndpoint(facade.opened_live, secret, max_body_bytes=settings.max_body_bytes)
        routes.append(webhooks.route())
    if settings.usage_key:
        routes += UsageEndpoint(usage, settings.usage_key.get_secret_value(), facade.engine.schema).routes()
    if assistants:
        routes.append(assistants.route())
    routes.append(rest.unknown())
    middleware = [
        Middleware(Prefixed),
        Middleware(CachedResponses, response_cache),
        Middleware(Normalizes),
        Middleware(CountsRequests, draining),
        Middleware(AccessLogging, access, metrics, counts),
    ]
    if audit:
        middleware.append(Middleware(Audited, audit))
    if settings.trusts_its_network:
        middleware.append(Middleware(LocalHosts, settings.host))
    if origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=origins.listed,
                allow_origin_regex=origins.pattern,
                allow_methods=["GET", "POST"],
                # What a page may add harms nobody: no cookies count here, and tracing libraries add many.
                allow_headers=["*"],
                expose_headers=EXPOSED,
            )
        )
    app = Starlette(routes=routes, middleware=middleware, lifespan=lifespan)
    # A redirect would repeat the `Host` that the caller wrote.
    app.router.redirect_slashes = False
    return app
