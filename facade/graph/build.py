"""Build the schema that graphql-core executes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from graphql import (
    REMOVE,
    SKIP,
    FieldDefinitionNode,
    GraphQLEnumType,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectTypeDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from strawberry import federation
from strawberry.printer import print_schema
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

# The types that a supergraph may ask for by id, with their tables of `Assets`.
ENTITIES = {
    "Site": "sites",
    "Building": "buildings",
    "Floor": "floors",
    "Room": "rooms",
    "Zone": "zones",
    "Hive": "hives",
    "Sensor": "sensors",
    "Tag": "tags",
}

# The lowest version that will do, since not every composer knows the newest.
FEDERATION: Final = "2.3"

FEDERATION_TYPES = {
    "_Any": "A representation of an entity: its type and its key.",
    "_Entity": "A type with a key.",
    "_FieldSet": "The fields of a key, for federation's directives.",
    "link__Import": "A name that federation's @link imports.",
    "link__Purpose": "The purpose of federation's @link.",
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
        federation_version=FEDERATION,
    )
    core = schema._schema  # noqa: SLF001 -- execution is ours, see engine.py
    add_measurements(core, extra_measurements)
    _serve_entities(core)
    _serve_sdl(core, lambda: print_schema(schema))
    describe_arguments(core)
    return core


def build_schema(extra_measurements: Iterable[str] = (), *, incremental: bool = False) -> GraphQLSchema:
    """Return the schema. `extra_measurements` are added to the `Measurement` enum.

    With `incremental` it has `@defer` and `@stream`.
    """
    return _build(tuple(extra_measurements), incremental)


async def _entities(_root: object, info: ResolveInfo, representations: Sequence[Any]) -> list[object]:
    context: Context = info.context
    assets = await context.loaders.assets()
    found: list[object] = []
    for representation in representations:
        named = representation if isinstance(representation, Mapping) else {}
        table, id_ = ENTITIES.get(str(named.get("__typename"))), named.get("id")
        if table is None or not isinstance(id_, str | int):
            found.append(bad_input(f"A representation takes `__typename` ({', '.join(ENTITIES)}) and `id`."))
        else:
            found.append(assets.failure(table) or getattr(assets, table).get(str(id_)))
    return found if context.budget.reach(len(found), listed=True) else []


def _serve_sdl(core: GraphQLSchema, text: Callable[[], str]) -> None:
    """Answer `_service` with the schema without `Query.node`.

    A gateway reads assets by their keys, and our `node` would collide with that of any other Relay-style subgraph.
    """
    service = core.type_map["_Service"]
    assert isinstance(service, GraphQLObjectType)  # noqa: S101 -- for the type checker

    @cache
    def sdl() -> str:
        return print_ast(visit(parse(text()), _WithoutNode()))

    service.fields["sdl"].resolve = lambda *_: sdl()


class _WithoutNode(Visitor):
    def enter_object_type_definition(self, node: ObjectTypeDefinitionNode, *_: Any) -> Any:
        return None if node.name.value == "Query" else SKIP

    def enter_field_definition(self, node: FieldDefinitionNode, *_: Any) -> Any:
        return REMOVE if node.name.value == "node" else SKIP


def _serve_entities(schema: GraphQLSchema) -> None:
    """Answer `_entities` from the caller's assets in one step: Strawberry would resolve one entity at a time."""
    assert schema.query_type is not None  # noqa: S101 -- for the type checker
    fields = schema.query_type.fields
    fields["_entities"].resolve = _entities
    fields["_entities"].description = "Entities by key, for the gateway of a supergraph."
    fields["_entities"].args["representations"].description = "The `__typename` and `id` of each entity."
    fields["_service"].description = "The subgraph's schema, for composing a supergraph."
    service = schema.type_map["_Service"]
    assert isinstance(service, GraphQLObjectType)  # noqa: S101 -- for the type checker
    service.description = "This subgraph."
    service.fields["sdl"].description = "Its schema, with the federation directives."
    for name, description in FEDERATION_TYPES.items():
        schema.type_map[name].description = description
    purpose = schema.type_map["link__Purpose"]
    assert isinstance(purpose, GraphQLEnumType)  # noqa: S101 -- for the type checker
    purpose.values["SECURITY"].description = "A specification for security."
    purpose.values["EXECUTION"].description = "A specification for execution."
