"""Read the list of webhooks, which only Butlr's own GraphQL API knows."""

from typing import Any

import msgspec

from ..auth import Caller
from ..upstream import ReadLog, Upstream
from .native_lists import read_list

# The secrets of webhooks are not asked for, so that they cannot leak.
QUERY = (
    "{ webhooks { id name event_types endpoint_config { url http_timeout api_key { key } basic_auth { username } } "
    "org_id status filters send_on_value_change } }"
)
KEPT_FOR = 60.0


class WebhookApiKeyRecord(msgspec.Struct, frozen=True):
    key: str | None = None
    value: None = None


class WebhookBasicAuthRecord(msgspec.Struct, frozen=True):
    username: str | None = None
    password: None = None


class EndpointConfigRecord(msgspec.Struct, frozen=True):
    url: str | None = None
    http_timeout: int | None = None
    api_key: WebhookApiKeyRecord | None = None
    basic_auth: WebhookBasicAuthRecord | None = None


class WebhookRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str | None = None
    event_types: list[str] | None = None
    endpoint_config: EndpointConfigRecord | None = None
    org_id: str | None = None
    status: bool | None = None
    filters: Any = None
    send_on_value_change: bool | None = None


async def read_webhooks(upstream: Upstream, caller: Caller, read_log: ReadLog) -> list[WebhookRecord]:
    """Return the webhooks that the native API lists. Raises `ButlrError`."""
    return await read_list(
        upstream, caller, read_log, kind="webhooks", query=QUERY, record=WebhookRecord, kept_for=KEPT_FOR
    )
