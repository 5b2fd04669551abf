"""The schema as clients see it: without federation's fields, types and directives."""

from graphql import GraphQLObjectType, GraphQLSchema, specified_directives

FIELDS = frozenset({"_entities", "_service"})
DIRECTIVES = frozenset({*(directive.name for directive in specified_directives), "defer", "stream"})


def api_of(schema: GraphQLSchema) -> GraphQLSchema:
    """Return a schema without federation's fields, types and directives."""
    query = schema.query_type
    assert query is not None  # noqa: S101 -- for the type checker
    arguments = query.to_kwargs()
    arguments["fields"] = {name: field for name, field in query.fields.items() if name not in FIELDS}
    arguments["interfaces"] = query.interfaces
    return GraphQLSchema(
        query=GraphQLObjectType(**arguments),
        mutation=schema.mutation_type,
        subscription=schema.subscription_type,
        types=[type_ for type_ in schema.type_map.values() if not is_of_federation(type_.name) and type_ is not query],
        directives=[directive for directive in schema.directives if directive.name in DIRECTIVES],
        description=schema.description,
    )


def is_of_federation(name: str) -> bool:
    return name.startswith(("link__", "federation__")) or (name.startswith("_") and not name.startswith("__"))
