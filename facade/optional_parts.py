"""Parts that are made only if settings enable them."""

from typing import TYPE_CHECKING

import structlog

from .legacy.usage import Usage
from .settings import Settings, SettingsError
from .web.demo import DEMO
from .web.graphiql import GraphiQL, is_built
from .web.middleware.audit import AuditLog
from .web.rate_limit import RateLimit
from .web.trusted_documents import Trusted, read_manifest

if TYPE_CHECKING:
    from .agents import Agents
from .components import Components

log = structlog.get_logger(__name__)


def trusted_documents(settings: Settings) -> Trusted | None:
    if settings.trusted_documents is None:
        return None
    try:
        return read_manifest(settings.trusted_documents)
    except ValueError as exc:
        raise SettingsError(f"FACADE_TRUSTED_DOCUMENTS: {exc}") from exc


def agents_of(settings: Settings, facade: Components, needed_by: str, trusted: Trusted | None = None) -> "Agents":
    """Return the tools for assistants. Raises `SettingsError` if the extra is not installed."""
    try:
        from .agents import Agents  # noqa: PLC0415 -- the protocol's SDK is an extra
    except ImportError:
        raise SettingsError(f"{needed_by} needs: pip install 'butlr-graphql-facade[mcp]'") from None
    trusted = trusted or trusted_documents(settings)
    return Agents(facade.engine, introspection=settings.introspection, documents=trusted.texts if trusted else None)


def rate_limit_of(settings: Settings) -> RateLimit | None:
    if settings.rate_limit is None:
        return None
    return RateLimit.create(settings.rate_limit, settings.cache_url.get_secret_value())


def audit_log_of(settings: Settings) -> AuditLog | None:
    if settings.audit_log in (None, "", "off"):
        return None
    try:
        return AuditLog(settings.audit_log)
    except OSError as exc:
        raise SettingsError(f"FACADE_AUDIT_LOG: {settings.audit_log} cannot be written: {exc.strerror}") from exc


def usage_of(settings: Settings) -> Usage:
    if not settings.is_cache_shared:
        return Usage()
    try:
        from .legacy.shared_usage import SharedUsage  # noqa: PLC0415 -- redis is an extra

        return SharedUsage(settings.cache_url.get_secret_value())
    except (ImportError, ValueError):
        # The cache reports the fault of the URL, and stops the start.
        return Usage()


def page_of(settings: Settings) -> GraphiQL | None:
    """Return GraphiQL; None, with a warning, if its bundle was not built, as after a pip install from a checkout."""
    if not is_built():
        log.warning("graphiql.not_built", mend="run `make web-ui`; all else is served without the page")
        return None
    return GraphiQL(sandbox=DEMO if settings.demo else None)
