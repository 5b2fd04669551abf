"""Fields resolved for many records at once: a list's own loads and look-ups, without a resolver call an item."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

# What a field is for each record, in their order: a value, or the exception that is this record's own.
Outcomes = Sequence[Any]
ManyResolver = Callable[..., Awaitable[Outcomes]]


@dataclass(frozen=True, slots=True)
class ParentBatch:
    """Stands as the parent of a field that is resolved for all of `records`.

    `counts` says of how many places of the answer each record is the parent: one that many refer to is resolved once.
    """

    records: Sequence[Any]
    counts: Sequence[int]


# By resolver: which of a record's attributes it looks at.
_together: dict[object, frozenset[str]] = {}


def resolves_many(*reads: str) -> Callable[[ManyResolver], Callable[..., Awaitable[Any]]]:
    """Make a field's resolver of one that takes many parents, the first argument, and gives the outcome for each.

    The field must be nullable, or an outcome that is an error would be more than its own record's.
    """

    def mark(many: ManyResolver) -> Callable[..., Awaitable[Any]]:
        @wraps(many)
        async def resolve(roots: Any, info: Any, **arguments: Any) -> Any:
            if type(roots) is ParentBatch:
                return await many(roots, info, **arguments)
            (outcome,) = await many(ParentBatch((roots,), (1,)), info, **arguments)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        _together[resolve] = frozenset(reads)
        return resolve

    return mark


def read_by(resolver: object) -> frozenset[str] | None:
    """Return the attributes that a resolver of many looks at; None for any other resolver."""
    return _together.get(resolver)
