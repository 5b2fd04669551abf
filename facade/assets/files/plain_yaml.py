"""YAML for records: parsed fast, and without the conversions that change identifiers.

Here `12:34:56` is no number in base 60, `0012` is not ten, `No` is not false, `2025-01-01` is no date, and `65e12` is
no number. It is a subset of YAML 1.1. Values are built from PyYAML's events: its trees of nodes take six times as long,
and are made only to find the line of a fault.
"""

import re
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)|([0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?))")
_NUMERIC = frozenset("-+0123456789")


class NotYAML(ValueError):  # noqa: N818 - named for what happened
    """The text is not YAML of lists, mappings, text, numbers and truth values. `line` counts from 1."""

    def __init__(self, what: str, mark: Any = None) -> None:
        super().__init__(what)
        self.line = mark.line + 1 if mark is not None else 1


def parse(text: str) -> Any:
    """Parse YAML to a value. Raises `NotYAML`."""
    try:
        return _Builder(text).document()
    except yaml.MarkedYAMLError as exc:
        raise NotYAML(str(exc.problem), exc.problem_mark) from exc
    except (yaml.YAMLError, RecursionError) as exc:
        raise NotYAML(" ".join(str(exc).split())) from exc


def write(value: Any) -> str:
    """Write a JSON value as YAML that any parser reads."""
    text = _written(value, plain=True)
    # PyYAML writes these characters unquoted, but reads them as line breaks.
    return _written(value, plain=False) if _BREAKS.search(text) else text


def _written(value: Any, *, plain: bool) -> str:
    written: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=plain, width=110)
    return written


def line(text: str, steps: tuple[str | int, ...]) -> int:
    """Return the line, from 1, of the value at `steps`, or of the innermost one around it."""
    node: Any = yaml.compose(text, Loader=_Loader)
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


# Most levels of nested lists and mappings. An inventory has four.
MOST_DEEP = 64
# Most values, those behind aliases counted at each use: a few lines with aliases of aliases may mean billions.
MOST_VALUES = 2_000_000


class _Builder:
    def __init__(self, text: str) -> None:
        self._next = _Loader(text).get_event
        # Each value with the number of values in it.
        self._anchored: dict[str, tuple[Any, int]] = {}
        self._depth = 0
        self._values = 0

    def document(self) -> Any:
        self._next()  # the stream begins
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        value = self._value(self._next())
        self._next()  # the document ends
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise NotYAML("a second document begins; a file may have only one", after.start_mark)
        return value

    def _value(self, event: Any) -> Any:
        kind = type(event)
        value: Any
        before = self._values
        self._count(1, event)
        if kind is yaml.ScalarEvent:
            value = _scalar(event)
        elif kind is yaml.AliasEvent:
            if event.anchor not in self._anchored:
                raise NotYAML(f"*{event.anchor} is not defined", event.start_mark)
            value, values = self._anchored[event.anchor]
            self._count(values, event)
            return value
        else:
            self._depth += 1
            if self._depth > MOST_DEEP:
                raise NotYAML(f"more than {MOST_DEEP} lists and mappings in one another", event.start_mark)
            value = self._mapping() if kind is yaml.MappingStartEvent else self._list()
            self._depth -= 1
        if event.anchor is not None:
            self._anchored[event.anchor] = value, self._values - before
        return value

    def _count(self, values: int, event: Any) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            raise NotYAML(f"more than {MOST_VALUES:,} values, with those that aliases stand for", event.start_mark)

    def _list(self) -> list[Any]:
        items: list[Any] = []
        while type(item := self._next()) is not yaml.SequenceEndEvent:
            items.append(self._value(item))
        return items

    def _mapping(self) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        while type(key := self._next()) is not yaml.MappingEndEvent:
            if type(key) is not yaml.ScalarEvent:
                raise NotYAML("a name must be text", key.start_mark)
            value = self._value(self._next())
            if key.value == "<<" and key.implicit[0]:
                merged += [part for part in _as_list(value) if isinstance(part, dict)]
            elif key.value in mapping:
                raise NotYAML(f"{key.value} is a duplicate; merge the two", key.start_mark)
            else:
                mapping[key.value] = value
        for part in merged:
            mapping = {**part, **mapping}
        return mapping


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _scalar(event: Any) -> Any:
    text: str = event.value
    if not event.implicit[0]:
        # The scalar is quoted or has a tag.
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            raise NotYAML(f"the tag {event.tag} is not supported", event.start_mark)
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in _NUMERIC and (number := _NUMBER.fullmatch(text)):
        return float(text) if number[1] else int(text)
    return text
