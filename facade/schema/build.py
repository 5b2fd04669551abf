"""The schema itself, as graphql-core executes it."""

from collections.abc import Iterable
from functools import cache

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from .enums import add_measurements
from .hive import Hive
from .place import Building, Floor, Room, Site, Tag, Zone
from .query import Query
from .scalars import SCALARS
from .sensor import Sensor
from .session import Mutation


@cache
def _build(extra_measurements: tuple[str, ...]) -> GraphQLSchema:
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        types=[Sensor, Hive, Site, Building, Floor, Room, Zone, Tag],
        config=StrawberryConfig(auto_camel_case=False, scalar_map=SCALARS),
    )
    core = schema._schema  # noqa: SLF001 -- execution is ours, see engine.py
    add_measurements(core, extra_measurements)
    return core


def build_schema(extra_measurements: Iterable[str] = ()) -> GraphQLSchema:
    """Return the schema, with values that Butlr has added to `Measurement` since."""
    return _build(tuple(extra_measurements))
