"""Sensors as CSV: the first line names the columns, each further line is a sensor."""

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from .records import SensorRecord
from .spellings import natively_named

_LISTED = ("zone_ids", "center", "orientation")
_TEXT = {field.name for field in msgspec.structs.fields(SensorRecord) if field.type in (str, str | None)}
_NUMBER = re.compile(r"[-+]?[0-9]+(?P<fraction>\.[0-9]*)?(?P<exponent>[eE][-+]?[0-9]+)?")
_TRUTH = {"true": True, "false": False, "yes": True, "no": False}


class NotATable(ValueError):  # noqa: N818 - named for what happened
    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def parse(text: str) -> tuple[list[dict[str, Any]], list[int]]:
    """The sensors, and the line, from 1, on which each begins. Raises `NotATable`."""
    header, _, _ = text.partition("\n")
    # Where the comma is the decimal sign, spreadsheets separate by semicolons.
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    sensors: list[dict[str, Any]] = []
    lines: list[int] = []
    try:
        names = [name.strip() for name in next(reader, [])]
        if "id" not in natively_named("sensors", dict.fromkeys(names, True)):
            raise NotATable(1, "no column is named id; the first line names the columns")
        ends = reader.line_num
        for cells in reader:
            begins, ends = ends + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                raise NotATable(begins, f"{len(cells)} cells, but {len(names)} columns")
            sensors.append(_sensor(dict(zip(names, cells, strict=False))))
            lines.append(begins)
    except csv.Error as exc:
        raise NotATable(reader.line_num, str(exc)) from exc
    return sensors, lines


def _sensor(cells: Mapping[str, str]) -> dict[str, Any]:
    sensor: dict[str, Any] = {}
    for name, cell in cells.items():
        text = cell.strip()
        for field in natively_named("sensors", {name: text}):
            sensor[name] = text if field in _TEXT else _listed(text) if field in _LISTED else _scalar(text)
    return sensor


def _listed(text: str) -> Any:
    """`0;0;90`, `zone_a zone_b` or a JSON list."""
    if text.startswith("["):
        return _scalar(text)
    return [_scalar(part) for part in re.split(r"[;,|\s]+", text) if part]


def _scalar(text: str) -> Any:
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
