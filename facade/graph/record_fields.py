"""How the records behind types are read, where reading them is all that there is to their fields."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

Resolver = TypeVar("Resolver", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class RecordShape:
    """Records of exactly these classes: what a subclass does when it is read, nobody knows.

    Fields are attributes of the same name, or where `places` are given, items at these indices.
    """

    kinds: tuple[type, ...]
    places: tuple[tuple[str, int], ...] = ()
    # Whether the type's own `is_type_of`, if it has one, is true of all of them.
    is_type: bool = False

    def place(self, field: str) -> str | int | None:
        """Return the attribute or index that a field is read at; None where the shape lacks it."""
        return dict(self.places).get(field) if self.places else field


@dataclass(frozen=True, slots=True)
class FieldSource:
    """Where a field's value is, and how the records in it are read, where not in the way of their type."""

    place: str | int
    items: RecordShape | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A list of records that nobody has decoded yet; whoever iterates gets them whole."""

    whole: Callable[[], list[Any]]
    # Records that have these attributes, of one class, which may lack the others.
    having: Callable[[frozenset[str]], list[Any]]
    # The same in parts, none of them empty, where there are too many to be held at once. Raises ValueError where that
    # cannot be.
    parts: Callable[[frozenset[str]], Iterator[list[Any]]] | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.whole())


_readings: dict[object, FieldSource] = {}


def reads(attribute: str, **places: int) -> Callable[[Resolver], Resolver]:
    """Mark a resolver that, called without arguments, gives nothing but what the record has as `attribute`.

    With `places` that is None, or a list of lists which have the fields of the field's type at these places; all of
    them, even where only some are selected.
    """

    def mark(resolver: Resolver) -> Resolver:
        _readings[resolver] = FieldSource(attribute, RecordShape((list,), tuple(places.items())) if places else None)
        return resolver

    return mark


def reading_of(resolver: object) -> FieldSource | None:
    return _readings.get(resolver)
