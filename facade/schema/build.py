"""The schema itself, as graphql-core executes it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from graphql import GraphQLEnumType, GraphQLObjectType, GraphQLSchema
from strawberry import federation
from strawberry.schema.config import StrawberryConfig

from .arguments import describe_arguments
from .context import Context
from .enums import add_measurements
from .hive import Hive
from .place import Building, Floor, Room, Site, Tag, Zone
from .query import Query
from .scalars import SCALARS, bad_input
from .selection import ResolveInfo
from .sensor import Sensor
from .session import Mutation
from .subscription import Subscription

# What a supergraph may ask for by id, and where it is among a caller's assets.
ENTITIES = {
    "Site": "sites",
    "Building": "buildings",
    "Floor": "floors",
    "Room": "rooms",
    "Zone": "zones",
    "Hive": "hives",
    "Sensor": "sensors",
}

FEDERATION_TYPES = {
    "_Any": "A representation of an entity: its type and its key.",
    "_Entity": "What can be reached by its key.",
    "_FieldSet": "Fields that make a key, as federation's directives take them.",
    "link__Import": "A name that federation's @link brings in.",
    "link__Purpose": "What federation's @link is for.",
}


@cache
def _build(extra_measurements: tuple[str, ...], incremental: bool) -> GraphQLSchema:
    schema = federation.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Sensor, Hive, Site, Building, Floor, Room, Zone, Tag],
        config=StrawberryConfig(
            auto_camel_case=False, scalar_map=SCALARS, enable_experimental_incremental_execution=incremental
        ),
    )
    core = schema._schema  # noqa: SLF001 -- execution is ours, see engine.py
    add_measurements(core, extra_measurements)
    _serve_entities(core)
    describe_arguments(core)
    return core


def build_schema(extra_measurements: Iterable[str] = (), *, incremental: bool = False) -> GraphQLSchema:
    """Return the schema, with values that Butlr has added to `Measurement` since.

    `incremental`: with `@defer` and `@stream`.
    """
    return _build(tuple(extra_measurements), incremental)


async def _entities(_root: object, info: ResolveInfo, representations: Sequence[Mapping[str, Any]]) -> list[object]:
    context: Context = info.context
    assets = await context.loaders.assets()
    found: list[object] = []
    for representation in representations:
        table = ENTITIES.get(str(representation.get("__typename")))
        if table is None or "id" not in representation:
            found.append(bad_input(f"A representation takes `__typename` ({', '.join(ENTITIES)}) and `id`."))
        else:
            found.append(getattr(assets, table).get(representation["id"]))
    return found if context.budget.reach(len(found), listed=True) else []


def _serve_entities(schema: GraphQLSchema) -> None:
    """Answer `_entities` from the caller's assets: Strawberry's own way asks each type, one entity at a time."""
    assert schema.query_type is not None  # noqa: S101 -- for the type checker
    fields = schema.query_type.fields
    fields["_entities"].resolve = _entities
    fields["_entities"].description = "Entities by key: how a supergraph's gateway reaches this subgraph."
    fields["_entities"].args["representations"].description = "Each `__typename` and `id`."
    fields["_service"].description = "What a supergraph composes from this subgraph."
    service = schema.type_map["_Service"]
    assert isinstance(service, GraphQLObjectType)  # noqa: S101 -- for the type checker
    service.description = "This subgraph."
    service.fields["sdl"].description = "Its schema, with the federation directives."
    for name, description in FEDERATION_TYPES.items():
        schema.type_map[name].description = description
    purpose = schema.type_map["link__Purpose"]
    assert isinstance(purpose, GraphQLEnumType)  # noqa: S101 -- for the type checker
    purpose.values["SECURITY"].description = "Says who may see what."
    purpose.values["EXECUTION"].description = "Says how things are resolved."
