"""Batch resolvers: they resolve a field for all records of a list in one call."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

# The outcome for each record, in order: a value, or the exception for this record alone.
Outcomes = Sequence[Any]
ManyResolver = Callable[..., Awaitable[Outcomes]]


@dataclass(frozen=True, slots=True)
class ParentBatch:
    """The parents of a field that is resolved for all of `records` at once.

    `counts` says how many times each record is in the answer: a record that is referred to many times is resolved once.
    """

    records: Sequence[Any]
    counts: Sequence[int]


# The attributes of a record that each batch resolver reads.
_reads: dict[object, frozenset[str]] = {}


def resolves_many(*reads: str) -> Callable[[ManyResolver], Callable[..., Awaitable[Any]]]:
    """Make a field's resolver from a function that takes many parents and returns an outcome for each.

    `reads` are the attributes of a parent that it reads. The field must be nullable, so that an outcome that is an
    error affects its own record only.
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

        _reads[resolve] = frozenset(reads)
        return resolve

    return mark


def read_by(resolver: object) -> frozenset[str] | None:
    """Return the attributes that a batch resolver reads; None for any other resolver."""
    return _reads.get(resolver)
