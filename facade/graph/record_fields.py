"""How records are read by fields whose resolver only reads a record."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

Resolver = TypeVar("Resolver", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class RecordShape:
    """Records of exactly these classes, not of subclasses, which may read differently.

    Fields are attributes of the same name, or, with `indices`, items at these.
    """

    kinds: tuple[type, ...]
    indices: tuple[tuple[str, int], ...] = ()
    # Whether the type's `is_type_of`, if it has one, is true for all of them.
    is_type: bool = False

    def accessor(self, field: str) -> str | int | None:
        """Return the attribute or index from which a field is read; None if the shape lacks it."""
        return dict(self.indices).get(field) if self.indices else field


@dataclass(frozen=True, slots=True)
class FieldSource:
    """Where a field's value is, and the shape of the records in it if it is not that of their type."""

    accessor: str | int
    items: RecordShape | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A list of records that are not decoded yet. Iterating decodes them with all fields."""

    whole: Callable[[], list[Any]]
    # Decodes the records with at least these attributes. All are of one class.
    having: Callable[[frozenset[str]], list[Any]]
    # The same in non-empty parts, if there are too many records to be held at once. Raises ValueError if they cannot be
    # decoded in parts.
    parts: Callable[[frozenset[str]], Iterator[list[Any]]] | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.whole())


_readings: dict[object, FieldSource] = {}


def reads(attribute: str, **indices: int) -> Callable[[Resolver], Resolver]:
    """Mark a resolver that, called without arguments, only returns the record's `attribute`.

    With `indices` the attribute is None or a list of lists, which have all fields of the field's type at these indices.
    """

    def mark(resolver: Resolver) -> Resolver:
        _readings[resolver] = FieldSource(attribute, RecordShape((list,), tuple(indices.items())) if indices else None)
        return resolver

    return mark


def reading_of(resolver: object) -> FieldSource | None:
    return _readings.get(resolver)
