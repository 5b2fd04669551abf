"""Convert raw records to `Record`s: strictly if a person wrote them, leniently if an API did."""

import re
from collections.abc import Iterable, Sequence
from types import GenericAlias
from typing import Any

import msgspec
import orjson

from .field_aliases import natively_named, spelling_in
from .macs import is_mac, normal_mac
from .records import RECORD_TYPES, Record, SensorRecord

# The path of a value in a document: `("sensors", 3, "height")`.
Steps = tuple[str | int, ...]
# A raw record with its path.
Raw = tuple[Steps, Any]

_LIST_OF: dict[str, Any] = {kind: GenericAlias(list, (type_,)) for kind, type_ in RECORD_TYPES.items()}

_FAULT = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<where>.*)`)?", re.DOTALL)
_EXPECTED = re.compile(r"Expected `([^`]+)`, got `[^`]+`")
_STEP = re.compile(r"\.(\w+)|\[([0-9]+)\]")
_PLAIN = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
_SHOWN = 60


class Misfit(Exception):  # noqa: N818 - named for what happened
    """A value does not fit the type of its field."""

    def __init__(self, steps: Steps, what: str) -> None:
        super().__init__(what)
        self.steps = steps
        self.what = what


def read_strictly(kind: str, raws: Sequence[Raw]) -> list[Record]:
    """Convert each raw record. Raises `Misfit` for the first value that does not fit."""
    named = []
    for steps, raw in raws:
        if not isinstance(raw, dict):
            raise Misfit(steps, _expected("object", raw))
        fields = natively_named(kind, raw)
        if "id" not in fields:
            raise Misfit(steps, "its id is missing")
        named.append(fields)
    try:
        records: list[Record] = msgspec.convert(named, _LIST_OF[kind])
    except msgspec.ValidationError as exc:
        raise _misfit(str(exc), kind, raws) from exc
    return [_with_a_mac(record, *raw) for record, raw in zip(records, raws, strict=True)]


def _with_a_mac(record: Record, steps: Steps, raw: Any) -> Record:
    """Normalise the MAC address of a sensor. Raises `Misfit` for an invalid one, such as `1.70D+21`."""
    if not isinstance(record, SensorRecord) or record.mac_address is None:
        return record
    written = record.mac_address
    if not is_mac(written):
        raise Misfit(
            (*steps, spelling_in("sensors", raw, "mac_address")), f"expected a MAC address, got {_shown(written)}"
        )
    mac = normal_mac(written)
    return record if mac == written else msgspec.structs.replace(record, mac_address=mac)


def read_leniently(kind: str, raws: Iterable[Any]) -> tuple[list[Record], set[str]]:
    """Convert the records that have an id. Return them without the fields that do not fit, and those fields' names."""
    named = [natively_named(kind, raw) for raw in raws if isinstance(raw, dict)]
    named = [fields for fields in named if isinstance(fields.get("id"), str)]
    try:
        return msgspec.convert(named, _LIST_OF[kind]), set()
    except msgspec.ValidationError:
        pass
    unfit: set[str] = set()
    return [_fitting(RECORD_TYPES[kind], fields, unfit) for fields in named], unfit


def _fitting(type_: type[Record], fields: dict[str, Any], unfit: set[str]) -> Record:
    while True:
        try:
            return msgspec.convert(fields, type_)
        except msgspec.ValidationError as exc:
            # The id is a text here, so the misfit is always an optional field.
            field = str(_fault(str(exc))[1][0])
            unfit.add(field)
            fields = {name: value for name, value in fields.items() if name != field}


def _fault(message: str) -> tuple[str, Steps]:
    """Split msgspec's message into its text and the path of the value."""
    found = _FAULT.fullmatch(message)
    what, where = (found["what"], found["where"] or "") if found else (message, "")
    return what, tuple(name or int(index) for name, index in _STEP.findall(where))


def _misfit(message: str, kind: str, raws: Sequence[Raw]) -> Misfit:
    what, (index, field, *rest) = _fault(message)
    place, value = raws[int(index)]
    steps = (spelling_in(kind, value, str(field)), *rest)
    for step in steps:
        value = value[step]
    expected = _EXPECTED.fullmatch(what)
    return Misfit((*place, *steps), _expected(expected[1], value) if expected else what)


def _expected(type_: str, value: object) -> str:
    """Describe the expected type. `type_` is written as msgspec does: `int | str | null`."""
    names = [_PLAIN.get(name, name) for name in type_.split(" | ") if name != "null"]
    text = f"expected {' or '.join(names)}, got {_shown(value)}"
    if "text" in names and isinstance(value, int | float):
        return f"{text}; put it in quotes"
    return text


def _shown(value: object) -> str:
    text = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
