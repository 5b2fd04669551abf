"""Selections over records, compiled: one function a selection, from records to what stands in the answer for them."""

import gc
from collections.abc import Callable
from typing import Any, NamedTuple

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
from ..graph.record_fields import RecordShape, Unread
from ..graph.scalars import serialize_time

# Bytes of compiled selections kept, and what one takes.
KEPT = 8 * 1024**2
BYTES_A_FIELD = 1024
BYTES_A_SELECTION = 2048
MOST_FIELDS = 100
# Times remembered at once: a day by the second.
MOST_TIMES = 86_400


class Unproven(Exception):  # noqa: N818 -- not an error: graphql-core takes over
    """A value that only graphql-core's own completion may judge."""


class Selected(NamedTuple):
    """A field of a selection. Without a `place` it is `__typename`, or (no `type` either) left to others.

    What is `given` comes ready for each record.
    """

    name: str
    place: str | int | None = None
    type: GraphQLOutputType | None = None
    below: "Selection | None" = None
    given: bool = False


class Selection(NamedTuple):
    """What is selected of a type's records; comparable, so that the same selection is compiled once."""

    type_name: str
    shape: RecordShape
    fields: tuple[Selected, ...]

    def size(self) -> int:
        return sum(1 + (field.below.size() if field.below else 0) for field in self.fields)

    def reads(self) -> frozenset[str]:
        """Return the attributes of a record that are looked at."""
        return frozenset(field.place for field in self.fields if isinstance(field.place, str))


class Times(dict[str | int, str]):
    """Times as they are written out. One answer names the same few moments for each of its sensors.

    Only exact str and int may be looked up: True and 1.0 would find what 1 has left.
    """

    def __missing__(self, value: str | int) -> str:
        written = serialize_time(value)
        if written is None:
            raise Unproven
        if len(self) >= MOST_TIMES:
            self.clear()
        self[value] = written
        return written


# From records, and what is given for each in as many lists as fields are given, to what stands in the answer for them.
# Raises whatever it likes where it cannot vouch for the outcome.
Projection = Callable[..., list[Any]]

# Which values of a scalar stand as they are.
_SOUND: dict[object, str] = {
    GraphQLString: "type({0}) is str",
    GraphQLID: "type({0}) is str",
    GraphQLBoolean: "type({0}) is bool",
    GraphQLInt: "type({0}) is int and -2147483648 <= {0} <= 2147483647",
    # Not for an infinity or a NaN, whose difference from itself is a NaN.
    GraphQLFloat: "type({0}) is float and {0} - {0} == 0.0",
}
NEVER = "else: raise Unproven"
# From here on msgspec writes 1e16 where orjson writes 1e+16.
WRITTEN_ALIKE = 1e16
_PASSIVE = frozenset({str, int, float, bool})


def is_time(type_: object) -> bool:
    return isinstance(type_, GraphQLScalarType) and type_.coerce_output_value is serialize_time


def projects(type_: object) -> bool:
    """Whether values of a leaf type can be projected."""
    return type_ in _SOUND or is_time(type_)


class Compiled:
    """Selections compiled once, and kept within a bound of bytes."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._known: Bounded[tuple[Selection, bool], Projection] = Bounded(kept)
        self._collected = 0

    def __call__(self, selection: Selection, *, written: bool = False) -> Projection:
        key = selection, written
        known = self._known.get(key)
        if known is None:
            known = _Source(selection, written=written).compile()
            self._known.put(key, known, selection.size() * BYTES_A_FIELD + BYTES_A_SELECTION)
            self._collect()
        return known

    def _collect(self) -> None:
        """Have classes freed that went: each is a cycle, and a server collects cycles seldom."""
        if self._known.evicted - self._collected > self._kept:
            self._collected = self._known.evicted
            gc.collect()


_compiled = Compiled()


def maps(selection: Selection) -> Projection:
    """To the maps of the answer."""
    return _compiled(selection)


def structs(selection: Selection) -> Projection:
    """To structs, which msgspec writes as orjson writes the maps: made and written in half the time."""
    return _compiled(selection, written=True)


class _Source:
    """The source of a projection.

    Only attributes, indices and names of types that our own schema declares enter it, and response names by their
    `repr`; everything else (classes, coercions) is bound by a number, so no query can write code.
    """

    def __init__(self, selection: Selection, *, written: bool = False) -> None:
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
        # Taken out, so that the function and what it is bound to are no cycle.
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

    def _record(self, depth: int, record: str, selection: Selection, otherwise: str, also: str | None = None) -> None:
        """Turn a variable that holds a record into the map of its fields; `also` is one more class of it."""
        places = selection.shape.places
        kinds = [self._bind(kind) for kind in selection.shape.kinds]
        test = " or ".join(f"type({record}) is {kind}" for kind in [*kinds, *([also] if also else [])])
        if places:
            test = f"({test}) and len({record}) > {max(index for _, index in places)}"
        self._add(depth, f"if {test}:")
        values = []
        for at, field in enumerate(selection.fields):
            if field.given:
                value = f"of_given{at}"
            elif field.place is None:
                value = repr(selection.type_name) if field.type else "None"
            else:
                value = self._variable()
                read = f".{field.place}" if isinstance(field.place, str) else f"[{field.place}]"
                self._add(depth + 1, f"{value} = {record}{read}")
                self._complete(depth + 1, value, field.type, field.below)
            values.append(value)
        self._add(depth + 1, f"{record} = {self._map([field.name for field in selection.fields], values)}")
        self._add(depth, otherwise)

    def _map(self, names: list[str], values: list[str]) -> str:
        if not self._written:
            return f"{{{', '.join(f'{name!r}: {value}' for name, value in zip(names, values, strict=True))}}}"
        # Attributes may not be named as a query likes.
        attributes = {f"f{at}": name for at, name in enumerate(names)}
        struct = msgspec.defstruct("Map", list(attributes), rename=attributes, gc=False)
        return f"{self._bind(struct)}({', '.join(values)})"

    def _complete(
        self,
        depth: int,
        value: str,
        type_: GraphQLOutputType | None,
        below: Selection | None,
        also: str | None = None,
    ) -> None:
        """Turn a variable into what the answer has for it."""
        non_null = isinstance(type_, GraphQLNonNull)
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        otherwise = NEVER if non_null else f"elif {value} is not None: raise Unproven"
        if isinstance(inner, GraphQLList):
            if below is None and self._written and self._is_sound(depth, value, inner):
                depth += 1
            item, items = self._variable(), self._variable()
            of = None
            if below is not None and not below.shape.places:
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
            # What a resolver does with a null among its lists is the resolver's own affair.
            self._record(depth, value, below, NEVER if below.shape.places else otherwise, also)
        elif is_time(inner):
            self._add(depth, f"if type({value}) is str or type({value}) is int: {value} = times[{value}]")
            self._add(depth, f"elif {value} is not None: {value} = {self._coerced(inner)}({value})")
            if non_null:
                self._add(depth, NEVER)
        else:
            passing = "" if non_null else f" and {value} is not None"
            self._add(depth, f"if not ({self._test(value, inner)}){passing}: {value} = {self._coerced(inner)}({value})")

    def _is_sound(self, depth: int, value: str, type_: GraphQLList[Any]) -> bool:
        """Begin what is to be done with a list of scalars that cannot be written as it is; false where none can."""
        inner = type_.of_type
        nullable = not isinstance(inner, GraphQLNonNull)
        inner = inner if nullable else inner.of_type
        leaf = inner.of_type if isinstance(inner, GraphQLList) else inner
        leaf = leaf.of_type if isinstance(leaf, GraphQLNonNull) else leaf
        if leaf not in _SOUND or (nullable and isinstance(inner, GraphQLList)):
            return False
        sound, item, each = self._variable(), self._variable(), self._variable()
        self._add(depth, f"{sound} = type({value}) is list")
        self._add(depth, f"if {sound}:")
        self._add(depth + 1, f"for {item} in {value}:")
        if isinstance(inner, GraphQLList):
            self._add(depth + 2, f"if type({item}) is not list: {sound} = False; break")
            self._add(depth + 2, f"for {each} in {item}:")
            self._add(depth + 3, f"if not ({self._test(each, leaf)}): {sound} = False; break")
        else:
            passing = f" and {item} is not None" if nullable else ""
            self._add(depth + 2, f"if not ({self._test(item, leaf)}){passing}: {sound} = False; break")
        self._add(depth, f"if not {sound}:")
        return True

    def _test(self, value: str, type_: Any) -> str:
        """An expression that is true of values of a scalar that stand in the answer as they are."""
        if self._written and type_ is GraphQLFloat:
            return f"type({value}) is float and {-WRITTEN_ALIKE} < {value} < {WRITTEN_ALIKE}"
        return _SOUND[type_].format(value)

    def _coerced(self, type_: Any) -> str:
        """The type's own coercion, of values that nothing but their class decides."""
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
