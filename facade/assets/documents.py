"""Files of records as parsed values that still know the line each value stands on."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json.decoder import scanstring
from pathlib import Path
from typing import Any

import msgspec
import orjson
import yaml

from .reading import Steps
from .records import SensorRecord
from .spellings import natively_named

SUFFIXES = (".json", ".yaml", ".yml", ".csv")


class InventoryError(ValueError):
    """An inventory cannot be read. The message is one line that names the file and, where one is at fault, the
    line and the field."""


@dataclass(frozen=True, slots=True)
class Document:
    """`line` gives the line, from 1, of the value at some steps, or of the innermost one around it."""

    path: Path
    value: Any
    line: Callable[[Steps], int]

    def error(self, steps: Steps, what: str) -> InventoryError:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
        return InventoryError(f"{self.path}:{self.line(steps)}: {place + ': ' if place else ''}{what}")


def read_document(path: Path) -> Document:
    """Raises `InventoryError`."""
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


# JSON


def _json(path: Path, text: str) -> Document:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise InventoryError(f"{path}:{exc.lineno}: not JSON: {exc.msg}") from exc
    return Document(path, value, lambda steps: _json_line(text, steps))


_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def _json_line(text: str, steps: Steps) -> int:
    """orjson keeps no places, and a file is nearly always right: the line is looked for only when one is not."""
    at = _past_space(text, 0)
    for step in steps:
        inner = _json_child(text, at, step)
        if inner is None:
            break
        at = inner
    return text.count("\n", 0, at) + 1


def _json_child(text: str, at: int, step: str | int) -> int | None:
    if text[at] != ("{" if isinstance(step, str) else "["):
        return None
    found = None
    name: str | int = -1
    at = _past_space(text, at + 1)
    while text[at] not in "}]":
        if isinstance(name, int) and isinstance(step, int):
            name += 1
        else:
            name, at = scanstring(text, at + 1)
            at = _past_space(text, _past_space(text, at) + 1)
        if name == step:
            # Of two equal names the last one is the one that was read.
            found = at
        at = _past_space(text, _DECODER.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _past_space(text, at + 1)
    return found


def _past_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


# YAML

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _PlainLoader(_Loader):  # type: ignore[misc]
    """YAML without what eats identifiers: `12:34:56` is no number in base 60, `0012` not ten, `No` not false,
    `2025-01-01` no date, `65e12` no number. A subset of YAML 1.1, so that what others write is read as meant."""

    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?", "-+0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first))


def _yaml(path: Path, text: str) -> Document:
    loader = _PlainLoader(text)
    try:
        root = loader.get_single_node()
        _refuse_repeated_lists(path, root)
        value = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise InventoryError(f"{path}:{line}: not YAML: {exc.problem}") from exc
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        raise InventoryError(f"{path}: not YAML: {' '.join(str(exc).split())}") from exc
    finally:
        loader.dispose()
    return Document(path, value, lambda steps: _yaml_line(root, steps))


def _refuse_repeated_lists(path: Path, root: Any) -> None:
    """YAML as PyYAML reads it takes the last of two `sensors:` and says nothing of the first."""
    seen: set[str] = set()
    for key, _ in root.value if isinstance(root, yaml.MappingNode) else ():
        if isinstance(key.value, str) and key.value in seen:
            raise InventoryError(f"{path}:{key.start_mark.line + 1}: {key.value} is there already; join the two")
        seen.add(str(key.value))


def _yaml_line(node: Any, steps: Steps) -> int:
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            inner = [value for key, value in node.value if key.value == step]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            inner = node.value[step : step + 1]
        else:
            break
        if not inner:
            break
        node = inner[-1]
    return int(node.start_mark.line) + 1 if node is not None else 1


# CSV: sensors, one a line

_LISTED = ("zone_ids", "center", "orientation")
_TEXT = {field.name for field in msgspec.structs.fields(SensorRecord) if field.type in (str, str | None)}
_NUMBER = re.compile(r"[-+]?[0-9]+(?P<fraction>\.[0-9]*)?(?P<exponent>[eE][-+]?[0-9]+)?")
_TRUTH = {"true": True, "false": False, "yes": True, "no": False}


def _csv(path: Path, text: str) -> Document:
    header, _, _ = text.partition("\n")
    # Where the comma is the decimal sign, spreadsheets separate by semicolons.
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    sensors: list[dict[str, Any]] = []
    lines: list[int] = []
    try:
        names = [name.strip() for name in next(reader, [])]
        if "id" not in natively_named("sensors", dict.fromkeys(names, True)):
            raise InventoryError(f"{path}:1: no column is named id; the first line names the columns")
        ends = reader.line_num
        for cells in reader:
            begins, ends = ends + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                raise InventoryError(f"{path}:{begins}: {len(cells)} cells, but {len(names)} columns")
            sensors.append(_sensor(dict(zip(names, cells, strict=False))))
            lines.append(begins)
    except csv.Error as exc:
        raise InventoryError(f"{path}:{reader.line_num}: not CSV: {exc}") from exc

    def line(steps: Steps) -> int:
        return lines[steps[1]] if len(steps) > 1 and isinstance(steps[1], int) else 1

    return Document(path, {"sensors": sensors}, line)


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
