"""The organisations of a token, which only Butlr's own GraphQL API knows."""

import msgspec

from ..auth import Caller
from ..upstream import ReadLog, Upstream
from .native_lists import read_list

QUERY = "{ sites { data { org_id } } }"
KEPT_FOR = 600.0


class SiteOrganization(msgspec.Struct):
    org_id: str | None = None


async def read_orgs(upstream: Upstream, caller: Caller, read_log: ReadLog) -> frozenset[str]:
    """Return the organisations of the sites that a caller sees. Raises `ButlrError`."""
    sites = await read_list(
        upstream, caller, read_log, kind="sites", query=QUERY, record=SiteOrganization, kept_for=KEPT_FOR
    )
    return frozenset(site.org_id for site in sites if site.org_id)
