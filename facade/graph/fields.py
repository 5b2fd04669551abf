"""Helpers that declare fields. Types are schema; the objects behind them are records of the layers below."""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from types import GenericAlias
from typing import Annotated, Any, Optional

import strawberry
from strawberry import UNSET

from .batch_resolver import ParentBatch, resolves_many
from .context import Info
from .lookups import Lookup, looked_up
from .record_fields import reads

# The module of each type. Types of different modules refer to each other by name.
_MODULES = {
    "Site": "place",
    "Building": "place",
    "Floor": "place",
    "Room": "place",
    "Zone": "place",
    "Tag": "place",
    "Sensor": "sensor",
    "Hive": "hive",
}


def _lazy(name: str) -> Any:
    return Annotated[name, strawberry.lazy(f"facade.graph.{_MODULES[name]}")]


def maybe(name: str) -> Any:
    """Return a nullable type by name."""
    return Optional[_lazy(name)]  # noqa: UP045 -- made at run time, of a value


def maybe_list(name: str) -> Any:
    """Return a nullable list of a type by name."""
    return Optional[GenericAlias(list, (_lazy(name),))]  # noqa: UP045


def described(text: str, *, deprecated: str | None = None) -> Any:
    """Declare a field that the record has under the same name."""
    return strawberry.field(description=text, deprecation_reason=deprecated)


def alias_of(attribute: str, type_: Any, *, name: str | None = None, deprecated: bool = False) -> Any:
    """Declare a second field for an attribute, with a name of Butlr's own."""

    @reads(attribute)
    def read(root: strawberry.Parent[Any]) -> Any:
        return getattr(root, attribute)

    return strawberry.field(
        resolver=read,
        graphql_type=type_,
        description=f"The same as `{attribute}`.",
        name=name,
        deprecation_reason=f"Butlr deprecates it: use `{attribute}`." if deprecated else None,
    )


def counted(resolver: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Spend the operation's budget on the assets that a resolver returns, since lists of lists may grow very large."""

    @wraps(resolver)
    async def resolve(*args: Any, **kwargs: Any) -> Any:
        found = await resolver(*args, **kwargs)
        return found if _within_budget([getattr(found, "data", found)], (1,), kwargs["info"]) else None

    return resolve


def _within_budget(found: Sequence[Any], counts: Sequence[int], info: Info) -> bool:
    """Spend for all assets found, each `counts` times. Return False once the operation's budget is spent."""
    listed = referred = 0
    for items, count in zip(found, counts, strict=True):
        if isinstance(items, list | tuple):
            listed += count * len(items)
        elif items is not None:
            referred += count
    budget = info.context.budget
    return budget.reach(listed, listed=True) and budget.reach(referred, listed=False)


def one(type_name: str, lookup: Lookup, text: str) -> Any:
    """Declare a nullable relation to one object."""
    return strawberry.field(resolver=_relation(lookup), graphql_type=maybe(type_name), description=text)


def many(type_name: str, lookup: Lookup, text: str) -> Any:
    """Declare a nullable list of related objects."""
    return strawberry.field(resolver=_relation(lookup), graphql_type=maybe_list(type_name), description=text)


def some(type_name: str, lookup: Lookup, text: str) -> Any:
    """Declare a nullable list of related objects, which the argument `ids` filters."""

    @resolves_many(*lookup.reads)
    async def resolve(roots: strawberry.Parent[ParentBatch], info: Info, ids: list[str] | None = UNSET) -> list[Any]:
        found = await looked_up(lookup, roots.records, info)
        if ids is not UNSET and ids is not None:
            kept = frozenset(ids)
            found = [items and [item for item in items if item.id in kept] for items in found]
        return _counted(found, roots, info)

    return strawberry.field(resolver=resolve, graphql_type=maybe_list(type_name), description=text)


def _relation(lookup: Lookup) -> Callable[..., Awaitable[Any]]:
    @resolves_many(*lookup.reads)
    async def resolve(roots: strawberry.Parent[ParentBatch], info: Info) -> list[Any]:
        return _counted(await looked_up(lookup, roots.records, info), roots, info)

    return resolve


def _counted(found: list[Any], roots: ParentBatch, info: Info) -> list[Any]:
    return found if _within_budget(found, roots.counts, info) else [None] * len(found)
