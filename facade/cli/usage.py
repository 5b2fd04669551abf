"""`facade usage`: the operations and legacy calls of each client, and the fields that no client selects."""

import asyncio
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output
from .configured import configured
from .failures import Failure, WrongUsage
from .tables import tables

if TYPE_CHECKING:
    from ..settings import Settings

# The columns of each table, also if it has no rows.
COLUMNS = {
    "calls": ("client", "agent", "path", "operation", "calls", "last_day", "statuses"),
    "operations": ("client", "version", "operation", "document", "operations", "last_day", "outcomes"),
    "replays": ("path", "operation", "replays", "outcomes"),
    "differences": ("path", "field", "count"),
}
FIELD_COLUMNS = {
    "deprecated": ("field", "client", "version", "operations", "last_day", "reason"),
    "unused": ("field", "deprecated"),
}


class UsageFormat(StrEnum):
    table = "table"
    json = "json"


def usage(
    format_: Annotated[UsageFormat, typer.Option("--format", help="The output format.")] = UsageFormat.table,
    days: Annotated[int, typer.Option(min=1, max=31, help="The number of days, including today.")] = 7,
    fields: Annotated[
        bool, typer.Option("--fields", help="Show unused fields, and the clients of deprecated ones.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Read from this facade, with FACADE_USAGE_KEY. Default: from Redis."),
    ] = None,
) -> None:
    """Show which client sends which operation, and which legacy calls are still made."""
    settings = configured()
    if url is None and not settings.is_cache_shared:
        raise WrongUsage("Each process has its own counts: name one with --url, or share Redis by FACADE_CACHE_URL.")
    found = asyncio.run(
        _of_redis(settings, days, fields=fields) if url is None else _of_facade(settings, url, days, fields=fields)
    )
    if format_ is UsageFormat.json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    columns = FIELD_COLUMNS if fields else COLUMNS
    shown = {name: _flat(found[name]) for name in columns if found[name] or name in ("calls", "deprecated")}
    output.write_tables(tables(shown, {name: dict.fromkeys(columns[name]) for name in shown}))


def _flat(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose counts by status or outcome are one cell: `2xx 12, 4xx 1`."""
    return [{name: _counts(value) if isinstance(value, dict) else value for name, value in row.items()} for row in rows]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


async def _of_redis(settings: "Settings", days: int, *, fields: bool) -> dict[str, Any]:
    from .. import logs
    from ..execution.field_names import field_names
    from ..graph.build import build_schema
    from ..legacy.usage import UsageUnavailableError, field_summary, summary

    try:
        from ..legacy.shared_usage import SharedUsage
    except ImportError:
        raise Failure("Redis needs: pip install 'butlr-graphql-facade[redis]'.") from None
    logs.configure(settings.log_format)
    try:
        shared = SharedUsage(settings.cache_url.get_secret_value())
    except ValueError:
        raise WrongUsage("FACADE_CACHE_URL is not a Redis URL.") from None
    try:
        counted = await shared.counted(days)
        return field_summary(field_names(build_schema()), counted, days) if fields else summary(counted, days)
    except UsageUnavailableError as exc:
        raise Failure(str(exc)) from exc
    finally:
        await shared.aclose()


async def _of_facade(settings: "Settings", url: str, days: int, *, fields: bool) -> dict[str, Any]:
    from ..butlr import ButlrError, Http

    if settings.usage_key is None:
        raise WrongUsage("Set FACADE_USAGE_KEY to the key of the facade.")
    try:
        http = Http(url.rstrip("/"))
    except ValueError as exc:
        raise WrongUsage(f"--url: {exc}.") from exc
    try:
        path = "/api/usage/fields" if fields else "/api/usage"
        reply = await http.send("GET", f"{path}?days={days}", token=settings.usage_key.get_secret_value())
        found: dict[str, Any] = json.loads(reply.body) if reply.status == 200 else {}
    except (ButlrError, ValueError) as exc:
        raise Failure(f"{url} did not answer as expected: {exc}") from exc
    finally:
        await http.aclose()
    if reply.status != 200:
        raise Failure(f"{url} answers {reply.status}: {_mend(reply.status)}")
    return found


def _mend(status: int) -> str:
    match status:
        case 401:
            return "its FACADE_USAGE_KEY is another one."
        case 404:
            return "it was started without FACADE_USAGE_KEY."
        case 503:
            return "its Redis is unreachable."
    return "is it a facade?"
