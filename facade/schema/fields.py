"""Short ways to say a field. Types are schema; the objects behind them are records of the layers below."""

from collections.abc import Callable
from functools import wraps
from types import GenericAlias
from typing import Annotated, Any, Optional

import strawberry

# Where each type lives: types refer to one another across modules, so by name.
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
    return Annotated[name, strawberry.lazy(f"facade.schema.{_MODULES[name]}")]


def maybe(name: str) -> Any:
    """A nullable type by name."""
    return Optional[_lazy(name)]  # noqa: UP045 -- made at run time, of a value


def maybe_list(name: str) -> Any:
    """A nullable list of a type by name."""
    return Optional[GenericAlias(list, (_lazy(name),))]  # noqa: UP045


def described(text: str) -> Any:
    """A field that the record has under the same name."""
    return strawberry.field(description=text)


def alias_of(attribute: str, type_: Any, text: str, *, name: str | None = None) -> Any:
    """A field that the record has under another name."""

    def read(root: strawberry.Parent[Any]) -> Any:
        return getattr(root, attribute)

    return strawberry.field(resolver=read, graphql_type=type_, description=text, name=name)


def counted(resolver: Callable[..., Any]) -> Callable[..., Any]:
    """Spend the operation's budget on the assets that a resolver comes to: lists of lists grow beyond all measure."""

    @wraps(resolver)
    async def resolve(*args: Any, **kwargs: Any) -> Any:
        found = await resolver(*args, **kwargs)
        items = getattr(found, "data", found)
        budget = kwargs["info"].context.budget
        if isinstance(items, list | tuple):
            return found if budget.reach(len(items), listed=True) else None
        return found if found is None or budget.reach(1, listed=False) else None

    return resolve


def one(type_name: str, resolver: Callable[..., Any], text: str, *, name: str | None = None) -> Any:
    """A nullable relation to one object."""
    return strawberry.field(resolver=counted(resolver), graphql_type=maybe(type_name), description=text, name=name)


def many(type_name: str, resolver: Callable[..., Any], text: str, *, name: str | None = None) -> Any:
    """A nullable list of related objects."""
    return strawberry.field(resolver=counted(resolver), graphql_type=maybe_list(type_name), description=text, name=name)
