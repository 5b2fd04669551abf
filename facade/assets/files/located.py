"""Read a file of records as a value, and find the line of any part of it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog

from ...butlr import MOST_LEVELS, nests_too_deep
from ..raw_records import Steps
from . import plain_yaml, record_table

log = structlog.get_logger(__name__)

SUFFIXES = (".json", ".yaml", ".yml", ".csv")


class InventoryError(ValueError):
    """An inventory cannot be read.

    The message is one line that names the file and, where a value is at fault, its line and field.
    """


@dataclass(frozen=True, slots=True)
class LocatedDocument:
    """A parsed file. `line` returns the line, from 1, of the value at some steps, or of the innermost one around it."""

    path: Path
    value: Any
    line: Callable[[Steps], int]

    def error(self, steps: Steps, what: str) -> InventoryError:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
        return InventoryError(f"{self.path}:{self.line(steps)}: {place + ': ' if place else ''}{what}")


def read_document(path: Path) -> LocatedDocument:
    """Read a file, whose format is told by its suffix, or else by its first character. Raises `InventoryError`."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InventoryError(f"{path}: not text in UTF-8; save it as UTF-8") from exc
    except OSError as exc:
        raise InventoryError(f"{path}: {exc.strerror or exc}; name an inventory that can be read") from exc
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _csv(path, text)
    if suffix == ".json" or (suffix not in SUFFIXES and text.lstrip()[:1] in ("{", "[")):
        return _json(path, text)
    return _yaml(path, text)


def _json(path: Path, text: str) -> LocatedDocument:
    if nests_too_deep(text.encode()):
        raise InventoryError(f"{path}: it nests deeper than {MOST_LEVELS} levels, which no inventory does")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise InventoryError(f"{path}:{exc.lineno}: not JSON: {exc.msg}") from exc
    return LocatedDocument(path, value, lambda steps: _json_line(text, steps))


def _yaml(path: Path, text: str) -> LocatedDocument:
    try:
        value = plain_yaml.parse(text)
    except plain_yaml.NotYAML as exc:
        raise InventoryError(f"{path}:{exc.line}: not YAML: {exc}") from exc
    return LocatedDocument(path, value, lambda steps: plain_yaml.line(text, steps))


def _csv(path: Path, text: str) -> LocatedDocument:
    kind = record_table.kind_of(path.stem)
    try:
        found = record_table.parse(text, kind)
    except record_table.NotATable as exc:
        raise InventoryError(f"{path}:{exc.line}: not a table of {kind}: {exc}") from exc
    if found.unknown:
        log.warning("inventory.unknown_columns", file=str(path), columns=found.unknown, kind=kind)

    def line(steps: Steps) -> int:
        return found.lines[steps[1]] if len(steps) > 1 and isinstance(steps[1], int) else 1

    return LocatedDocument(path, {kind: found.records}, line)


_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def _json_line(text: str, steps: Steps) -> int:
    """Find the line of a value. orjson gives no positions, and they are needed only for a faulty file."""
    at = _past_space(text, 0)
    for step in steps:
        inner = _json_child(text, at, step)
        if inner is None:
            break
        at = inner
    return text.count("\n", 0, at) + 1


def _json_child(text: str, at: int, step: str | int) -> int | None:
    opening = text[at]
    if opening != ("{" if isinstance(step, str) else "["):
        return None
    found = None
    name: Any = -1
    at = _past_space(text, at + 1)
    while text[at] not in "}]":
        if opening == "[":
            name += 1
        else:
            name, at = _DECODER.raw_decode(text, at)
            # Skip the colon and the space around it.
            at = _past_space(text, _past_space(text, at) + 1)
        if name == step:
            # Of two equal names the parser keeps the last.
            found = at
        at = _past_space(text, _DECODER.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _past_space(text, at + 1)
    return found


def _past_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
