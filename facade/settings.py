"""Settings: the only reader of the environment (and of a `.env` file)."""

import ipaddress
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from limits import parse_many as parse_rates
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from . import environment
from .assets import check_names
from .butlr import REFRESH_PATH, parse_duration
from .causes import plainly

_BYTES = {
    "": 1,
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KIB": 1024,
    "MIB": 1024**2,
    "GIB": 1024**3,
}


ENV_FILE = ".env"
# The placeholder for secrets in the examples of `deploy/`.
_PLACEHOLDER = re.compile(r"change[-_ ]?me", re.IGNORECASE)


class SettingsError(Exception):
    """A setting is wrong. The message is one line that names it."""


def _seconds(value: Any) -> Any:
    """Parse seconds, given as a number or as a duration of the API: 90, 30s, 5m, 1h."""
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        duration = parse_duration(value.replace(" ", ""))
        if duration.months:
            raise ValueError("a month has no fixed length; give it in days")
        return float(duration.seconds)
    return value


def _bytes(value: Any) -> Any:
    """Parse a number of bytes, with or without a unit: 1048576, 256MiB."""
    if isinstance(value, str):
        text = value.strip().upper().replace(" ", "")
        number = text.rstrip("BKMGI")
        unit = text[len(number) :]
        if not number.isdigit() or unit not in _BYTES:
            raise ValueError("write a number of bytes, or one with a unit such as 256MiB")
        return int(number) * _BYTES[unit]
    return value


def _listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write it with http:// or https:// and a host")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("write it without a user, a query or a fragment")
    return value.rstrip("/")


def _origin(value: str) -> str:
    """Check an origin in the form of browsers, or `*`."""
    if value != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+", value):
        raise ValueError(
            f"{value!r} is not an origin: write it as browsers do, such as https://dashboard.example, without a path"
        )
    return value


def _unset(value: Any) -> Any:
    """Return None for an empty value, which counts as unset."""
    return None if value == "" else value


def _address(value: str | None) -> str | None:
    """Check an http(s) URL. An empty value counts as unset."""
    if not value:
        return None
    return value if _base_url(value) else None


def _unbracketed(value: str) -> str:
    """Remove the brackets of a host in the form of URLs, such as `[::1]`."""
    return value[1:-1] if value.startswith("[") and value.endswith("]") else value


def _rate(value: str | None) -> str | None:
    """Check a rate: a number of requests and a time, such as 600/minute or 20 per second."""
    if value is None or not value.strip():
        return None
    try:
        parse_rates(value)
    except ValueError:
        raise ValueError("write how many requests in what time, such as 600/minute") from None
    return value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
# Zero is allowed, and means never.
SecondsOrZero = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
Bytes = Annotated[int, BeforeValidator(_bytes), Field(gt=0)]
Origin = Annotated[str, AfterValidator(_origin)]
Listed = Annotated[list[str], NoDecode, BeforeValidator(_listed)]


def setting(name: str, default: Any, **constraints: Any) -> Any:
    return Field(default=default, validation_alias=name, **constraints)


class Settings(BaseSettings):
    """Every setting of the facade. `docs/operating.md` describes each one; a test keeps it complete."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        # Editors of Windows write a byte order mark.
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    base_url: Annotated[str, AfterValidator(_base_url)] = setting("BUTLR_BASE_URL", "https://api.butlr.io")
    client_id: str | None = setting("BUTLR_CLIENT_ID", None)
    client_secret: SecretStr | None = setting("BUTLR_CLIENT_SECRET", None)
    refresh_path: str = setting("BUTLR_REFRESH_PATH", REFRESH_PATH, pattern="^/")

    auth: Literal["passthrough", "service"] = setting("FACADE_AUTH", "passthrough")
    api_keys: Annotated[list[SecretStr], NoDecode, BeforeValidator(_listed)] = setting("FACADE_API_KEYS", [])
    allow_anonymous: bool = setting("FACADE_ALLOW_ANONYMOUS", False)
    token_recheck: Seconds = setting("FACADE_TOKEN_RECHECK", 300.0)
    jwks_url: Annotated[str | None, AfterValidator(_address)] = setting("FACADE_JWKS_URL", None)
    jwt_issuer: str | None = setting("FACADE_JWT_ISSUER", None)
    jwt_audience: Listed = setting("FACADE_JWT_AUDIENCE", [])
    jwt_tenant_claim: str = setting("FACADE_JWT_TENANT_CLAIM", "http://butlr.io/client_id", min_length=1)
    # Set by `serve --sandbox`: callers without a token are the sandbox's demo client.
    demo: bool = setting("FACADE_SANDBOX_DEMO", False)

    cache_url: SecretStr = setting("FACADE_CACHE_URL", SecretStr("memory://"))
    cache_max_bytes: Bytes = setting("FACADE_CACHE_MAX_BYTES", 256 * 1024**2)
    stale_if_error: Seconds = setting("FACADE_STALE_IF_ERROR", 3600.0)
    stale_while_revalidate: SecondsOrZero = setting("FACADE_STALE_WHILE_REVALIDATE", 0.0)
    discovery_span: Seconds = setting("FACADE_DISCOVERY_SPAN", timedelta(days=7).total_seconds())
    assets: Listed = setting("FACADE_ASSETS", ["discovery"])
    inventory: Path | None = setting("FACADE_INVENTORY", None)
    # Butlr's docs write it with an underscore, its own client in camel case.
    calibration_key: Literal["calibration_points", "calibrationPoints"] = setting(
        "FACADE_CALIBRATION_KEY", "calibration_points"
    )
    # Which end of its window a row's `time` labels: set, or learnt from answers.
    window_label: Literal["auto", "start", "stop"] = setting("FACADE_WINDOW_LABEL", "auto")

    upstream_timeout: Seconds = setting("FACADE_UPSTREAM_TIMEOUT", 30.0)
    upstream_concurrency: int = setting("FACADE_UPSTREAM_CONCURRENCY", 16, ge=1)
    upstream_retries: int = setting("FACADE_UPSTREAM_RETRIES", 3, ge=0)
    operation_timeout: Seconds = setting("FACADE_OPERATION_TIMEOUT", 60.0)

    max_depth: int = setting("FACADE_MAX_DEPTH", 15, ge=1)
    max_aliases: int = setting("FACADE_MAX_ALIASES", 100, ge=0)
    max_tokens: int = setting("FACADE_MAX_TOKENS", 4000, ge=1)
    max_cost: int = setting("FACADE_MAX_COST", 1_000_000, ge=1)
    max_body_bytes: Bytes = setting("FACADE_MAX_BODY_BYTES", 1024**2)
    export_max_points: int = setting("FACADE_EXPORT_MAX_POINTS", 50_000_000, ge=1)
    export_spool_bytes: Bytes = setting("FACADE_EXPORT_SPOOL_BYTES", 1024**3)
    max_head_bytes: Bytes = setting("FACADE_MAX_HEAD_BYTES", 64 * 1024)
    request_timeout: Seconds = setting("FACADE_REQUEST_TIMEOUT", 30.0)
    rate_limit: Annotated[str | None, AfterValidator(_rate)] = setting("FACADE_RATE_LIMIT", None)
    incremental: bool = setting("FACADE_INCREMENTAL", False)
    introspection: bool = setting("FACADE_INTROSPECTION", True)
    explain: bool = setting("FACADE_EXPLAIN", True)
    graphiql: bool = setting("FACADE_GRAPHIQL", True)
    forward_unknown: bool = setting("FACADE_FORWARD_UNKNOWN", False)
    # The operator's key, since usage counts are about all tenants.
    usage_key: Annotated[SecretStr | None, BeforeValidator(_unset)] = setting("FACADE_USAGE_KEY", None, min_length=16)
    shadow: float = setting("FACADE_SHADOW", 0.0, ge=0, le=1)
    trusted_documents: Path | None = setting("FACADE_TRUSTED_DOCUMENTS", None)
    live_every: Seconds = setting("FACADE_LIVE_EVERY", 60.0)
    live_max: int = setting("FACADE_LIVE_MAX", 1000, ge=0)
    webhook_secret: Annotated[SecretStr | None, BeforeValidator(_unset)] = setting("FACADE_WEBHOOK_SECRET", None)
    cors_origins: Annotated[list[Origin], NoDecode, BeforeValidator(_listed)] = setting("FACADE_CORS_ORIGINS", [])
    extra_measurements: Listed = setting("FACADE_EXTRA_MEASUREMENTS", [])
    # A path, or `stderr`.
    audit_log: str | None = setting("FACADE_AUDIT_LOG", None)
    log_format: Literal["text", "json"] = setting("FACADE_LOG_FORMAT", "text")

    otel: bool = setting("FACADE_OTEL", False)
    otel_documents: bool = setting("FACADE_OTEL_DOCUMENTS", False)
    otel_upstream: bool = setting("FACADE_OTEL_UPSTREAM", False)

    mcp: bool = setting("FACADE_MCP", False)

    host: Annotated[str, AfterValidator(_unbracketed)] = setting("FACADE_HOST", "127.0.0.1")
    port: int = setting("FACADE_PORT", 8000, ge=0, le=65535)
    workers: int = setting("FACADE_WORKERS", 1, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.auth == "service" or self.demo:
            for name, value in (
                ("BUTLR_CLIENT_ID", self.client_id),
                ("BUTLR_CLIENT_SECRET", self.client_secret),
            ):
                if not value:
                    raise ValueError(f"{name}: FACADE_AUTH=service logs in with it, so it must be set")
        for name in self.extra_measurements:
            if not name.isidentifier():
                raise ValueError(f"FACADE_EXTRA_MEASUREMENTS: {name!r} is not a GraphQL name")
        check_names(self.assets, inventory_path=self.inventory)
        return self

    def require_own_values(self) -> None:
        """Refuse the placeholders for secrets in the examples of `deploy/`. Raises `SettingsError`."""
        for name, value in self._texts():
            if _PLACEHOLDER.search(value):
                raise SettingsError(f"{name}: it still has the example's placeholder; set a value of your own")

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Yield each text in the settings, with the setting's name."""
        for field, info in type(self).model_fields.items():
            value = getattr(self, field)
            for one in value if isinstance(value, list) else (value,):
                text = one.get_secret_value() if isinstance(one, SecretStr) else one
                if isinstance(text, str):
                    yield str(info.validation_alias), text

    @property
    def is_cache_shared(self) -> bool:
        return not self.cache_url.get_secret_value().startswith("memory://")

    @property
    def trusts_its_network(self) -> bool:
        """Return whether anyone who reaches the facade uses its login, without a token or a key."""
        return (self.auth == "service" or self.demo) and not self.api_keys and not self.allow_anonymous

    def require_safe_host(self) -> None:
        """Refuse to listen beyond loopback if callers need no credentials. Raises `SettingsError`."""
        guarded = self.api_keys or self.allow_anonymous
        if self.demo and not guarded and not _is_loopback(self.host):
            raise SettingsError(
                f"--sandbox serves every caller as its demo client, and {self.host} is not loopback. Omit --host "
                "(FACADE_HOST), or set FACADE_API_KEYS, or FACADE_ALLOW_ANONYMOUS=true if that is meant."
            )
        if self.auth == "service" and not guarded and not _is_loopback(self.host):
            raise SettingsError(
                f"FACADE_HOST: {self.host} is not loopback, and FACADE_AUTH=service would let anyone there read "
                "with this facade's login. Set FACADE_API_KEYS, or FACADE_ALLOW_ANONYMOUS=true if that is meant."
            )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(**overrides: Any) -> Settings:
    """Return the settings. Raises `SettingsError`."""
    known = {str(info.validation_alias) for info in Settings.model_fields.values()}
    try:
        given = [*os.environ, *environment.names_in(Path(ENV_FILE))]
    except environment.UnreadableEnv as exc:
        raise SettingsError(str(exc)) from exc
    if (said := environment.unknown(given, known)) is not None:
        raise SettingsError(said)
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as exc:
        first = exc.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        reason = plainly(str(first["msg"]))
        raise SettingsError(f"{name}: {reason}" if name else reason) from None
    settings.require_own_values()
    return settings
