"""The files of an export, each written atomically, and the manifest of a folder."""

import csv
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from ..export.writers import Format
from ..spreadsheets import unformulated
from .export_account import Account, refuse_another
from .failures import WrongUsage

if TYPE_CHECKING:
    from ..assets import Assets
    from ..export import Export, ExportPart
    from ..series import ReportQuery

MANIFEST = "manifest.json"
VERSION = 1


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that replaces `path` once it is written and on disk. After an error `path` is unchanged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Flush the folder's file names to disk, so that files in the manifest exist even after a power cut."""
    if os.name != "posix":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@dataclass(slots=True)
class Day:
    """One day's file, and the number, age and state of its rows. `as_of` is in epoch seconds."""

    name: str
    query: "ReportQuery"
    pieces: "list[ReportQuery]"
    rows: int = 0
    as_of: float | None = None
    is_settled: bool = True

    @classmethod
    def all_of(cls, export: "Export", format_: Format) -> "list[Day]":
        """Return the days of an export in the time zone of its windows. Raises `WrongUsage` if it cannot be cut."""
        days = export.days
        if days is None:
            raise WrongUsage(
                "Cutting this export into days would change its rows, so --out must be a file. "
                "A folder needs --every, a start at an edge of a window, and measurements that are counted by window."
            )
        zone = days.zone
        return [
            cls(f"{moment.astimezone(zone):%Y-%m-%d}.{format_.value}", query, export.pieces_of(query))
            for moment, query in days.parts
        ]

    def take(self, part: "ExportPart") -> None:
        self.rows += part.rows
        self.is_settled = self.is_settled and part.is_settled
        oldest = min((entry.as_of for entry in part.entries), default=None)
        if oldest is not None:
            self.as_of = oldest if self.as_of is None else min(self.as_of, oldest)


@dataclass(slots=True)
class Manifest:
    """`manifest.json` of a folder: the query, the account, and the span of each file."""

    folder: Path
    said: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, export: "Export", format_: Format, account: Account) -> "Manifest":
        """Read the folder's manifest, or make one. Raises `WrongUsage` if the folder holds another export.

        A manifest without an account, from an older version, is accepted for any account.
        """
        filter_ = {name: value for name, value in export.query.body["filter"].items() if name not in ("start", "stop")}
        asked = {**export.query.body, "filter": filter_}
        head = {"version": VERSION, "table": export.table.name, "format": format_.value, "asked": asked}
        path = folder / MANIFEST
        try:
            said = json.loads(path.read_bytes())
        except FileNotFoundError:
            return cls(folder, {**head, "account": account, "files": {}})
        except ValueError as exc:
            raise WrongUsage(f"{path} is not JSON: move it away, or give another folder.") from exc
        if not isinstance(said, dict) or not isinstance(said.get("files"), dict):
            raise WrongUsage(f"{path} is not a manifest of an export: move it away, or give another folder.")
        if {name: said.get(name) for name in head} != head:
            raise WrongUsage(f"{folder} holds another export; {MANIFEST} says which. Give another folder.")
        refuse_another(said.get("account"), account, place=str(folder), instead="Give another folder.")
        return cls(folder, said | {"account": account})

    @property
    def files(self) -> int:
        return len(self.said["files"])

    def has(self, day: Day, *, refresh: bool) -> bool:
        """Return whether the folder has the day's complete file, which need not be written again."""
        entry = self.said["files"].get(day.name)
        if not isinstance(entry, dict):
            return False
        path = self.folder / day.name
        if not path.is_file() or path.stat().st_size != entry.get("bytes"):
            return False
        within = day.query.within
        start, stop = entry.get("start"), entry.get("stop")
        if not isinstance(start, str) or not isinstance(stop, str):
            return False
        covers = start <= within["start"] and stop >= within["stop"]
        return covers and bool(entry.get("settled") or not refresh)

    def add(self, day: Day) -> None:
        within = day.query.within
        self.said["files"][day.name] = {
            "start": within["start"],
            "stop": within["stop"],
            "rows": day.rows,
            "bytes": (self.folder / day.name).stat().st_size,
            "as_of": None if day.as_of is None else datetime.fromtimestamp(day.as_of, UTC).isoformat("T", "seconds"),
            "settled": day.is_settled,
        }
        self.said["files"] = dict(sorted(self.said["files"].items()))
        self.save()

    def save(self) -> None:
        with replaced(self.folder / MANIFEST) as file:
            file.write(orjson.dumps(self.said, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def write_assets(folder: Path, assets: "Assets", format_: Format) -> None:
    """Write the lists of assets beside an export, to be joined by their ids."""
    from ..assets import dump_inventory

    for name, records in dump_inventory(assets).items():
        if not isinstance(records, list) or not records:
            continue
        with replaced(folder / f"{name}.{format_.value}") as file:
            file.write(_listed(records, format_))


def _listed(records: list[dict[str, Any]], format_: Format) -> bytes:
    names = list(dict.fromkeys(name for record in records for name in record))
    if format_ is Format.ndjson:
        return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)
    if format_ is Format.csv:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(names)
        writer.writerows([_cell(record.get(name)) for name in names] for record in records)
        return text.getvalue().encode()
    columns = {name: [_plain(record.get(name)) for record in records] for name in names}
    from ..export.arrow import table_of, written

    return written(table_of(columns), parquet=format_ is Format.parquet)


def _cell(value: Any) -> Any:
    """Return a cell for CSV. Lists, objects and booleans are JSON, which an inventory in CSV reads."""
    return orjson.dumps(value).decode() if isinstance(value, bool | list | dict) else unformulated(value)


def _plain(value: Any) -> Any:
    """Return a value for Arrow. Nested values are JSON, since a column has one type."""
    if isinstance(value, dict) or (isinstance(value, list) and not all(isinstance(item, str) for item in value)):
        return orjson.dumps(value).decode()
    return value
