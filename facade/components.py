"""The parts of one process that read the upstream, made from settings, and opened and closed together."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from functools import cached_property, partial
from typing import TypeVar

from pydantic import SecretStr

from . import tracing
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
from .live import Live
from .loaders import Reports, Services
from .series import DetectionsReader, Labels
from .settings import Settings, SettingsError
from .upstream import Dispatcher, Upstream
from .web.authentication import Authentication
from .web.metrics import Metrics

T = TypeVar("T")


class Components:
    """All parts of one process, opened and closed together."""

    def __init__(self, settings: Settings, metrics: Metrics | None = None, *, packed_from: int = PACKED_FROM) -> None:
        """Take settings. Upstream answers of `packed_from` bytes and more are packed, and not cached."""
        self.settings = settings
        self._packed_from = packed_from
        self.metrics = metrics
        self.spool = Spool(settings.export_spool_bytes)
        self.services: Services | None = None
        self.live: Live | None = None
        self.authentication: Authentication | None = None
        self.service: Service | None = None
        self.verifier: Verifier | None = None

    @cached_property
    def engine(self) -> Engine:
        """Return the engine, made at first use, since not every command runs operations."""
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
            self.authentication = self._authentication()
            try:
                yield self
            finally:
                self.services = self.live = self.authentication = None

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
        return _opened(self.services)

    def opened_live(self) -> Live:
        return _opened(self.live)

    def opened_authentication(self) -> Authentication:
        return _opened(self.authentication)

    def _authentication(self) -> Authentication:
        return Authentication(
            service=self.service,
            api_keys=[key.get_secret_value() for key in self.settings.api_keys],
            passthrough=self.settings.auth == "passthrough",
            verifier=self.verifier,
        )


def _opened(part: T | None) -> T:
    if part is None:
        raise RuntimeError("the facade is not open")
    return part


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
    """Add the name of a setting to errors of the part that is made from it."""
    try:
        yield
    except ValueError as exc:
        raise SettingsError(f"{setting}: {exc}") from None
