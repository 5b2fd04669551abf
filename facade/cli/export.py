"""`facade export`: a long span as one file, or as a folder with one file a day, which a later run completes."""

import asyncio
import sys
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .configured import configured
from .failures import Failure, WrongUsage
from .opened import NO_LOGIN, opened
from .options import Sandbox, Token
from .sandboxed import sandbox_upstream

if TYPE_CHECKING:
    from ..auth import Caller
    from ..export import Export, ExportTable, Writer
    from ..export import Format as Written
    from ..loaders import Services
    from ..settings import Settings
    from .export_account import Account
    from .export_progress import Progress


CACHE_BYTES = 8 * 1024**2
# Bytes from which on answers are packed, since several of them are in memory at a time.
PACKED_FROM = 2 * 1024**2


class Kind(StrEnum):
    """The tables. They are repeated here, since importing the export package would slow down `--help`."""

    report = "report"
    detections = "detections"


class ExportFormat(StrEnum):
    """The formats. They are repeated here for the same reason as `Kind`."""

    parquet = "parquet"
    arrow = "arrow"
    csv = "csv"
    ndjson = "ndjson"


Text = str | None
Listed = list[str] | None


def option(help_: str, *names: str, metavar: str = "A,B") -> Any:
    return typer.Option(*names, metavar=metavar, help=help_)


@dataclass(frozen=True, slots=True)
class Target:
    out: str
    named: ExportFormat
    is_folder: bool
    refresh: bool
    assets: bool

    @property
    def format(self) -> "Written":
        from ..export import Format as Written

        return Written(self.named.value)


def export(
    kind: Annotated[Kind, typer.Argument(metavar="report|detections", help="Rows of a report, or detected points.")],
    start: Annotated[str, option("Start, in RFC 3339 or relative to now (-30d).", metavar="TIME")],
    out: Annotated[str, option("FOLDER: one file a day; -: stdout.", metavar="FILE|FOLDER|-")],
    stop: Annotated[str, option("Stop, in the same form as the start.", metavar="TIME")] = "now",
    every: Annotated[Text, option("Length of the windows (5m).", metavar="DURATION")] = None,
    function: Annotated[Text, option("How a window's value is computed (max).", metavar="NAME")] = None,
    timezone: Annotated[Text, option("Time zone of windows and days.", metavar="ZONE")] = None,
    measurements: Annotated[Listed, option("Only these measurements.")] = None,
    rooms: Annotated[Listed, option("Only these rooms.")] = None,
    sensors: Annotated[Listed, option("Only these sensors.")] = None,
    floors: Annotated[Listed, option("Only these floors.")] = None,
    buildings: Annotated[Listed, option("Only these buildings.")] = None,
    zones: Annotated[Listed, option("Only these zones.")] = None,
    data_types: Annotated[Listed, option("Detections: detections_world (default), detections_local.")] = None,
    room_id: Annotated[Text, option("Detections: only this room.", "--room", metavar="ID")] = None,
    space_id: Annotated[Text, option("Detections: only this floor.", "--floor", metavar="ID")] = None,
    mac_addresses: Annotated[Listed, option("Only sensors with these MAC addresses.")] = None,
    format_: Annotated[
        ExportFormat | None, typer.Option("--format", help="The format; by default from FILE's extension.")
    ] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Replace files that were not settled.")] = False,
    assets: Annotated[bool, typer.Option("--assets", help="Also write lists of rooms, sensors and so on.")] = False,
    token: Token = None,
    sandbox: Sandbox = False,
) -> None:
    """Write a report's rows or detections of a long span to files."""
    given: dict[str, str | list[str] | None] = {
        "start": start,
        "stop": stop,
        "every": every,
        "function": function,
        "timezone": timezone,
        "measurements": measurements,
        "rooms": rooms,
        "sensors": sensors,
        "floors": floors,
        "buildings": buildings,
        "zones": zones,
        "data_types": data_types,
        "room_id": room_id,
        "space_id": space_id,
        "mac_addresses": mac_addresses,
    }
    asked = [
        (name, value) for name, said in given.items() for value in ([said] if isinstance(said, str) else said or ())
    ]
    _export(kind.value, asked, _target(out, format_, refresh=refresh, assets=assets), token, sandbox=sandbox)


def _target(out: str, format_: ExportFormat | None, *, refresh: bool, assets: bool) -> Target:
    path = Path(out)
    is_folder = out != "-" and (path.is_dir() or out.endswith(("/", "\\")) or not path.suffix)
    if format_ is None:
        ending = path.suffix.removeprefix(".").lower()
        if is_folder:
            format_ = ExportFormat.parquet
        elif out == "-":
            format_ = ExportFormat.csv
        elif ending in ExportFormat.__members__:
            format_ = ExportFormat(ending)
        else:
            raise WrongUsage(
                f"--out {out}: give the format with --format, or as the file's extension: .{', .'.join(ExportFormat)}."
            )
    if out == "-" and format_ in (ExportFormat.parquet, ExportFormat.arrow) and sys.stdout.isatty():
        raise WrongUsage(f"{format_.value} is binary and cannot be shown on a terminal: give a file, or use a pipe.")
    if (refresh or assets) and not is_folder:
        raise WrongUsage("--refresh and --assets need a folder as --out.")
    return Target(out, format_, is_folder, refresh, assets)


def _export(
    name: str,
    given: list[tuple[str, str]],
    target: Target,
    token: str | None,
    *,
    sandbox: bool,
) -> None:
    from ..butlr import ButlrError
    from ..export import TABLES, NeedsPyarrow
    from ..web.graphql_request import BadRequest
    from ..web.rest.export_request import asked_by_query
    from .export_account import account_of

    table = TABLES[name]
    try:
        body = asked_by_query(table, given)
        with ExitStack() as stack:
            if sandbox:
                stack.enter_context(sandbox_upstream())
            settings = configured()
            account = account_of(settings, token, sandbox=sandbox)
            asyncio.run(_run(settings, table, body, target, token, account))
    except (BadRequest, NeedsPyarrow) as error:
        raise WrongUsage(str(error)) from error
    except ButlrError as error:
        again = "" if target.out == "-" else " Run the command again to continue."
        raise Failure(f"{error}{again}") from error
    except OSError as error:
        raise Failure(f"{error.filename or target.out}: {error.strerror}.") from error


async def _run(
    settings: "Settings",
    table: "ExportTable",
    body: dict[str, object],
    target: Target,
    token: str | None,
    account: "Account",
) -> None:
    from ..export import Export
    from ..upstream import ReadLog
    from .export_progress import progress

    if not settings.is_cache_shared:
        # Little cache, since no answer is read twice and memory is needed for the running parts.
        settings = settings.model_copy(update={"cache_max_bytes": CACHE_BYTES})
    async with opened(settings, token, packed_from=PACKED_FROM) as (facade, caller):
        if caller is None:
            raise WrongUsage(f"{NO_LOGIN}, or try --sandbox.")
        services = facade.opened_services()
        with progress() as shown:
            read_log = ReadLog(on_call=shown.called)
            # Without Redis a store of series is of no use, since the process ends with the export.
            export = Export(
                services,
                caller,
                read_log,
                table,
                body,
                timeout=settings.operation_timeout,
                keeps=settings.is_cache_shared,
            )
            export.on_wait = shown.waits
            if export.query.start is None or export.query.stop is None or export.query.start >= export.query.stop:
                raise WrongUsage("--start must be before --stop.")
            if target.is_folder:
                await _to_folder(export, target, account, shown, services, caller)
            else:
                await _to_file(export, target, account, shown)


async def _to_file(export: "Export", target: Target, account: "Account", shown: "Progress") -> None:
    from ..export import rows_in, writer_for
    from .export_files import replaced
    from .export_journal import Journal

    writer = writer_for(target.format, export.table)
    pieces = export.pieces
    shown.expect(len(pieces))
    with ExitStack() as stack:
        if target.out == "-":
            file, journal = sys.stdout.buffer, None
        else:
            file = stack.enter_context(replaced(Path(target.out)))
            journal = stack.enter_context(Journal.of(Path(target.out), account))
        missing = [piece for piece in pieces if journal is None or not journal.has(piece)]
        file.write(writer.begin())
        async with aclosing(export.parts(missing, patient=True)) as parts:
            for piece in pieces:
                runs = journal.runs(piece) if journal else None
                if runs is None:
                    part = await anext(parts)
                    runs = part.runs
                    if journal and part.is_settled:
                        journal.keep(piece, runs)
                file.writelines(writer.write(runs))
                shown.came(rows_in(runs))
        file.write(writer.end())
        file.flush()
    if journal:
        journal.remove()


async def _to_folder(
    export: "Export",
    target: Target,
    account: "Account",
    shown: "Progress",
    services: "Services",
    caller: "Caller",
) -> None:
    from ..export import writer_for
    from .export_files import Day, Manifest, replaced, write_assets

    def fresh_writer() -> "Writer":
        return writer_for(target.format, export.table)

    fresh_writer()
    manifest = Manifest.of(Path(target.out), export, target.format, account)
    days = [day for day in Day.all_of(export, target.format) if not manifest.has(day, refresh=target.refresh)]
    shown.expect(sum(len(day.pieces) for day in days))
    if target.assets:
        # The manifest names the account, so it is written before any data.
        manifest.save()
        write_assets(Path(target.out), await services.assets.assets(caller, export.read_log), target.format)
    async with aclosing(export.parts([piece for day in days for piece in day.pieces], patient=True)) as parts:
        for day in days:
            writer = fresh_writer()
            with replaced(Path(target.out) / day.name) as file:
                file.write(writer.begin())
                for _ in day.pieces:
                    part = await anext(parts)
                    day.take(part)
                    file.writelines(writer.write(part.runs))
                    shown.came(part.rows)
                file.write(writer.end())
            manifest.add(day)
    shown.say(f"{target.out}: {manifest.files} files, {len(days)} of them new.")
