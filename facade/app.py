"""Make the ASGI app from settings."""

from starlette.applications import Starlette

from . import logs, tracing
from .settings import Settings, SettingsError, load
from .wiring import Wiring


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


def create_app(settings: Settings | None = None) -> Starlette:
    """Return the ASGI app. Raises `SettingsError` for a wrong setting."""
    settings = settings or load()
    _watch(settings)
    wiring = Wiring(settings)
    app = Starlette(routes=wiring.routes(), middleware=wiring.middleware(), lifespan=wiring.lifespan)
    # No redirects, which would repeat the `Host` that the caller wrote.
    app.router.redirect_slashes = False
    return app
