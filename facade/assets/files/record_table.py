"""Records as CSV: the first line names the columns, and the file's name says the kind of the records."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_origin

import msgspec
import orjson

from ..field_aliases import is_known, natively_named
from ..records import RECORD_TYPES

_NUMBER = re.compile(r"[-+]?[0-9]+(?P<fraction>\.[0-9]*)?(?P<exponent>[eE][-+]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"([-+]?[0-9]+),([0-9]+)")
_TRUTH = {"true": True, "false": False, "yes": True, "no": False}
# Excel reads its separator from such a first line, so many files begin with one.
_SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
# v2 calls a floor a space.
_KINDS = {**{kind: kind for kind in RECORD_TYPES}, "spaces": "floors"}
# For an object field that is given as a single number: the member that it means.
_PARTS = {"capacity": "max", "area": "value"}


class NotATable(ValueError):  # noqa: N818 - named for what happened
    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


@dataclass(slots=True)
class RecordTable:
    records: list[dict[str, Any]] = field(default_factory=list)
    # The line, from 1, on which each record begins.
    lines: list[int] = field(default_factory=list)
    # The columns that are no field.
    unknown: list[str] = field(default_factory=list)


def kind_of(stem: str) -> str:
    """Return the kind of records by a file's name: rooms for `rooms.csv`, sensors for any other name."""
    return _KINDS.get(stem.strip().lower(), "sensors")


def parse(text: str, kind: str = "sensors") -> RecordTable:
    """Parse CSV. Raises `NotATable`."""
    separator = _SEPARATOR.match(text)
    before = 1 if separator else 0
    if separator:
        text = text[separator.end() :]
    header, _, _ = text.partition("\n")
    # Spreadsheets separate by semicolons in countries with a decimal comma.
    delimiter = separator[1] if separator else max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    cells_of = _Cells(kind, decimal_comma=delimiter == ";")
    table = RecordTable()
    try:
        names = [name.strip() for name in next(reader, [])]
        if "id" not in natively_named(kind, dict.fromkeys(names, True)):
            raise NotATable(before + 1, "no column is named id; the first line names the columns")
        table.unknown = [name for name in names if name and not is_known(kind, name)]
        ends = reader.line_num
        for cells in reader:
            begins, ends = ends + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                raise NotATable(before + begins, f"{len(cells)} cells, but {len(names)} columns")
            table.records.append(cells_of.record(dict(zip(names, cells, strict=False))))
            table.lines.append(before + begins)
    except csv.Error as exc:
        raise NotATable(before + reader.line_num, str(exc)) from exc
    return table


class _Cells:
    """Converts cells to the types of a kind's fields."""

    def __init__(self, kind: str, *, decimal_comma: bool) -> None:
        self._kind = kind
        self._decimal_comma = decimal_comma
        fields = msgspec.structs.fields(RECORD_TYPES[kind])
        self._texts = {field.name for field in fields if field.type in (str, str | None)}
        self._listed = {field.name for field in fields if _is_list(field.type)}

    def record(self, cells: Mapping[str, str]) -> dict[str, Any]:
        record: dict[str, Any] = {}
        for name, cell in cells.items():
            text = cell.strip()
            for field_name in natively_named(self._kind, {name: text}):
                record[name] = self._value(field_name, text)
        return record

    def _value(self, name: str, text: str) -> Any:
        if name in self._texts:
            return text
        if name in self._listed:
            return self._list(text)
        value = self._scalar(text)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return {_PARTS[name]: value} if name in _PARTS and is_number else value

    def _list(self, text: str) -> Any:
        """Read a list, written as `0;0;90`, `zone_a zone_b` or JSON."""
        if text.startswith("["):
            return self._scalar(text)
        between = r"[;|\s]+" if self._decimal_comma and _DECIMAL_COMMA.search(text) else r"[;,|\s]+"
        return [self._scalar(part) for part in re.split(between, text) if part]

    def _scalar(self, text: str) -> Any:
        if self._decimal_comma and (found := _DECIMAL_COMMA.fullmatch(text)):
            return float(f"{found[1]}.{found[2]}")
        if found := _NUMBER.fullmatch(text):
            return float(text) if found["fraction"] or found["exponent"] else int(text)
        if text.lower() in _TRUTH:
            return _TRUTH[text.lower()]
        if text[:1] in ("[", "{"):
            try:
                return orjson.loads(text)
            except orjson.JSONDecodeError:
                return text
        return text


def _is_list(type_: Any) -> bool:
    return any(get_origin(part) in (list, tuple) for part in getattr(type_, "__args__", ()) or (type_,))
