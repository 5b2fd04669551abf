"""The organisations of a token, which only Butlr's own GraphQL API knows."""

import msgspec
import orjson

from ..auth import Caller
from ..butlr import NATIVE_PATH, InvalidResponse, UpstreamUnavailable
from ..upstream import ReadLog, Upstream
from .native_lists import read_list

QUERY = "{ sites { data { org_id } } }"
KEPT_FOR = 600.0


class _Site(msgspec.Struct):
    org_id: str | None = None


async def read_orgs(upstream: Upstream, caller: Caller, read_log: ReadLog) -> frozenset[str]:
    """Return the organisations of the sites that a caller sees. Raises `ButlrError`."""
    return await read_list(
        upstream, caller, read_log, name="organizations", query=QUERY, decode=decode, kept_for=KEPT_FOR
    )


def decode(body: bytes) -> frozenset[str]:
    """Return the organisations in an answer. Raises `ButlrError` if it has no sites."""
    try:
        answer = orjson.loads(body)
        sites = msgspec.convert(answer["data"]["sites"]["data"], list[_Site])
    except (msgspec.ValidationError, ValueError) as exc:
        raise InvalidResponse("Butlr's GraphQL API returned sites in another shape.", path=NATIVE_PATH) from exc
    except (LookupError, TypeError) as exc:
        raise UpstreamUnavailable("Butlr's GraphQL API could not list sites.", path=NATIVE_PATH) from exc
    return frozenset(site.org_id for site in sites if site.org_id)
