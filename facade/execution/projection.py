"""Compile selections of records: one function a selection, which turns records into what the answer has for them."""

import gc
from collections.abc import Callable
from typing import Any

import msgspec
from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
)

from ..cache import Bounded
from ..graph.record_fields import Unread
from ..graph.scalars import serialize_time
from .record_selection import RecordSelection

# Bytes of compiled selections that are kept, and estimates of what one takes.
KEPT = 8 * 1024**2
BYTES_A_FIELD = 1024
BYTES_A_SELECTION = 2048
MOST_FIELDS = 100
# How many times are memoised: those of a day by the second.
MOST_TIMES = 86_400


class Unproven(Exception):  # noqa: N818 -- not an error: graphql-core takes over
    """A value that only graphql-core's own completion can handle."""


class Times(dict[str | int, str]):
    """Memo of times as they are written out, since an answer has the same few times for each of its sensors.

    Only exact str and int may be looked up: True and 1.0 would find the entry of 1.
    """

    def __missing__(self, value: str | int) -> str:
        written = serialize_time(value)
        if written is None:
            raise Unproven
        if len(self) >= MOST_TIMES:
            self.clear()
        self[value] = written
        return written


# Takes records, the memo of times, and a list of values for each given field. Returns what the answer has for each
# record, or raises any exception where graphql-core has to execute the list instead.
Projection = Callable[..., list[Any]]

# The condition under which a scalar's value goes into the answer unchanged.
_UNCHANGED: dict[object, str] = {
    GraphQLString: "type({0}) is str",
    GraphQLID: "type({0}) is str",
    GraphQLBoolean: "type({0}) is bool",
    GraphQLInt: "type({0}) is int and -2147483648 <= {0} <= 2147483647",
    # False for an infinity or a NaN, whose difference from itself is NaN.
    GraphQLFloat: "type({0}) is float and {0} - {0} == 0.0",
}
NEVER = "else: raise Unproven"
# From this value on msgspec writes 1e16 where orjson writes 1e+16.
WRITTEN_ALIKE = 1e16
_PASSIVE = frozenset({str, int, float, bool})


def is_time(type_: object) -> bool:
    return isinstance(type_, GraphQLScalarType) and type_.coerce_output_value is serialize_time


def projects(type_: object) -> bool:
    """Return whether values of a leaf type can be projected."""
    return type_ in _UNCHANGED or is_time(type_)


class Compiled:
    """Compiles each selection once, and keeps the functions within a bound of bytes."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._known: Bounded[tuple[RecordSelection, bool], Projection] = Bounded(kept)
        self._collected = 0

    def __call__(self, selection: RecordSelection, *, written: bool = False) -> Projection:
        key = selection, written
        known = self._known.get(key)
        if known is None:
            known = _Source(selection, written=written).compile()
            self._known.put(key, known, selection.size() * BYTES_A_FIELD + BYTES_A_SELECTION)
            self._collect()
        return known

    def _collect(self) -> None:
        """Free evicted classes. Each is a reference cycle, and a server runs the collector rarely."""
        if self._known.evicted - self._collected > self._kept:
            self._collected = self._known.evicted
            gc.collect()


_compiled = Compiled()


def maps(selection: RecordSelection) -> Projection:
    """Return the projection to the maps of the answer."""
    return _compiled(selection)


def structs(selection: RecordSelection) -> Projection:
    """Return the projection to structs, which msgspec writes as orjson writes maps, in half the time."""
    return _compiled(selection, written=True)


class _Source:
    """Builds the source code of a projection.

    The source contains only attributes, indices and type names of our own schema, and response names by their `repr`.
    Everything else (classes, coercions) is bound to a numbered name, so that no query can inject code.
    """

    def __init__(self, selection: RecordSelection, *, written: bool = False) -> None:
        self._written = written
        self._bound: dict[str, Any] = {"Unproven": Unproven, "Unread": Unread}
        self._lines: list[str] = []
        self._count = 0
        given = [f"given{at}" for at, field in enumerate(selection.fields) if field.given]
        each = ", ".join(["record", *(f"of_{name}" for name in given)])
        records = f"zip({', '.join(['records', *given])}, strict=True)" if given else "records"
        self._add(0, f"def project({', '.join(['records', 'times', *given])}):")
        self._add(1, "answer = []")
        self._add(1, f"for {each} in {records}:")
        self._record(2, "record", selection, otherwise=NEVER)
        self._add(2, "answer.append(record)")
        self._add(1, "return answer")

    def compile(self) -> Projection:
        exec("\n".join(self._lines), self._bound)  # noqa: S102 -- see above: nothing of a query but quoted names
        # Removed from its own globals, so that there is no reference cycle.
        projection: Projection = self._bound.pop("project")
        return projection

    def _add(self, depth: int, line: str) -> None:
        self._lines.append(" " * depth + line)

    def _variable(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def _bind(self, value: object) -> str:
        name = f"b{len(self._bound)}"
        self._bound[name] = value
        return name

    def _record(
        self, depth: int, record: str, selection: RecordSelection, otherwise: str, also: str | None = None
    ) -> None:
        """Add code that turns a variable with a record into the map of its fields. `also` is a further class of it."""
        indices = selection.shape.indices
        kinds = [self._bind(kind) for kind in selection.shape.kinds]
        test = " or ".join(f"type({record}) is {kind}" for kind in [*kinds, *([also] if also else [])])
        if indices:
            test = f"({test}) and len({record}) > {max(index for _, index in indices)}"
        self._add(depth, f"if {test}:")
        values = []
        for at, field in enumerate(selection.fields):
            if field.given:
                value = f"of_given{at}"
            elif field.accessor is None:
                value = repr(selection.type_name) if field.type else "None"
            else:
                value = self._variable()
                read = f".{field.accessor}" if isinstance(field.accessor, str) else f"[{field.accessor}]"
                self._add(depth + 1, f"{value} = {record}{read}")
                self._complete(depth + 1, value, field.type, field.below)
            values.append(value)
        self._add(depth + 1, f"{record} = {self._map([field.name for field in selection.fields], values)}")
        self._add(depth, otherwise)

    def _map(self, names: list[str], values: list[str]) -> str:
        if not self._written:
            return f"{{{', '.join(f'{name!r}: {value}' for name, value in zip(names, values, strict=True))}}}"
        # A query's response names cannot be used as attributes.
        attributes = {f"f{at}": name for at, name in enumerate(names)}
        struct = msgspec.defstruct("Map", list(attributes), rename=attributes, gc=False)
        return f"{self._bind(struct)}({', '.join(values)})"

    def _complete(
        self,
        depth: int,
        value: str,
        type_: GraphQLOutputType | None,
        below: RecordSelection | None,
        also: str | None = None,
    ) -> None:
        """Add code that turns a variable into what the answer has for it."""
        non_null = isinstance(type_, GraphQLNonNull)
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        otherwise = NEVER if non_null else f"elif {value} is not None: raise Unproven"
        if isinstance(inner, GraphQLList):
            if below is None and self._written and self._check_scalars(depth, value, inner):
                depth += 1
            item, items = self._variable(), self._variable()
            of = None
            if below is not None and not below.shape.indices:
                of = self._variable()
                self._add(depth, f"{of} = None")
                self._add(depth, f"if type({value}) is Unread:")
                self._add(depth + 1, f"{value} = {value}.having({self._bind(below.reads())})")
                self._add(depth + 1, f"{of} = type({value}[0]) if {value} else None")
            self._add(depth, f"if type({value}) is list or type({value}) is tuple:")
            self._add(depth + 1, f"{items} = []")
            self._add(depth + 1, f"for {item} in {value}:")
            self._complete(depth + 2, item, inner.of_type, below, of)
            self._add(depth + 2, f"{items}.append({item})")
            self._add(depth + 1, f"{value} = {items}")
            self._add(depth, otherwise)
        elif below is not None:
            # For records whose fields are looked up by index, a null is left to the resolver.
            self._record(depth, value, below, NEVER if below.shape.indices else otherwise, also)
        elif is_time(inner):
            self._add(depth, f"if type({value}) is str or type({value}) is int: {value} = times[{value}]")
            self._add(depth, f"elif {value} is not None: {value} = {self._coerced(inner)}({value})")
            if non_null:
                self._add(depth, NEVER)
        else:
            passing = "" if non_null else f" and {value} is not None"
            self._add(depth, f"if not ({self._test(value, inner)}){passing}: {value} = {self._coerced(inner)}({value})")

    def _check_scalars(self, depth: int, value: str, type_: GraphQLList[Any]) -> bool:
        """Add the check whether a list of scalars needs coercion; return False if every list needs it."""
        inner = type_.of_type
        nullable = not isinstance(inner, GraphQLNonNull)
        inner = inner if nullable else inner.of_type
        leaf = inner.of_type if isinstance(inner, GraphQLList) else inner
        leaf = leaf.of_type if isinstance(leaf, GraphQLNonNull) else leaf
        if leaf not in _UNCHANGED or (nullable and isinstance(inner, GraphQLList)):
            return False
        unchanged, item, each = self._variable(), self._variable(), self._variable()
        self._add(depth, f"{unchanged} = type({value}) is list")
        self._add(depth, f"if {unchanged}:")
        self._add(depth + 1, f"for {item} in {value}:")
        if isinstance(inner, GraphQLList):
            self._add(depth + 2, f"if type({item}) is not list: {unchanged} = False; break")
            self._add(depth + 2, f"for {each} in {item}:")
            self._add(depth + 3, f"if not ({self._test(each, leaf)}): {unchanged} = False; break")
        else:
            passing = f" and {item} is not None" if nullable else ""
            self._add(depth + 2, f"if not ({self._test(item, leaf)}){passing}: {unchanged} = False; break")
        self._add(depth, f"if not {unchanged}:")
        return True

    def _test(self, value: str, type_: Any) -> str:
        """Return an expression that is true if a scalar's value goes into the answer unchanged."""
        if self._written and type_ is GraphQLFloat:
            return f"type({value}) is float and {-WRITTEN_ALIKE} < {value} < {WRITTEN_ALIKE}"
        return _UNCHANGED[type_].format(value)

    def _coerced(self, type_: Any) -> str:
        """Bind the type's own coercion, for values whose coercion depends only on their class."""
        coerce, written = type_.coerce_output_value, self._written

        def coerced(value: Any) -> Any:
            if type(value) not in _PASSIVE:
                raise Unproven
            result = coerce(value)
            if result is None or result is Undefined:
                raise Unproven
            if written and type(result) is float and not -WRITTEN_ALIKE < result < WRITTEN_ALIKE:
                raise Unproven
            return result

        return self._bind(coerced)
