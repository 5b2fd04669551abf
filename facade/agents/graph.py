"""Tools over the graph itself: `introspect`, `validate`, `execute`."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    print_type,
)
from pydantic import Field

from ..execution import Engine
from ..graph import api_of
from .asking import Asker, Refused
from .texts import MOST_CHARACTERS, cleaned, quoted, sampled, written
from .tool import Arguments, Tool, ToolAnswer, schema_of, tool

MOST_TYPES = 6
SHOWN_TYPES = 12_000


class IntrospectArguments(Arguments):
    names: list[str] = Field(
        default_factory=list,
        max_length=MOST_TYPES,
        description="Types or fields of Query: Room, report. Empty: all fields of Query.",
    )


class Introspected(ToolAnswer):
    sdl: str = Field(description="The types, as the schema definition language has them.")


class DocumentArguments(Arguments):
    query: str = Field(min_length=1, max_length=20_000, description="A GraphQL document with one query.")


class Validated(ToolAnswer):
    valid: bool
    errors: list[str]


class ExecuteArguments(DocumentArguments):
    variables: dict[str, Any] = Field(default_factory=dict)
    operation: str | None = Field(None, description="The operation to run, if there are several.")


class Data(ToolAnswer):
    data: Any = Field(None, description="The answer; lists of an answer that is too large are cut to a sample.")


def graph_tools(engine: Engine, *, introspection: bool, documents_only: bool) -> list[Tool]:
    """Return the tools over the graph. With `documents_only` none of them runs a document."""
    api = api_of(engine.schema)

    async def introspect(_asker: Asker, given: IntrospectArguments) -> Introspected:
        return Introspected(summary="Null is unknown where a field can be null.", sdl=_sdl(api, given.names))

    async def validate(_asker: Asker, given: DocumentArguments) -> Validated:
        document = engine.document(given.query)
        errors = [error.message for error in document.errors]
        if not errors and document.operation_type(None) not in (OperationType.QUERY, None):
            errors = ["Assistants may only read: write a query."]
        return Validated(
            summary="The document can be run." if not errors else "The document cannot be run.",
            valid=not errors,
            errors=errors,
        )

    tools = []
    if introspection:
        tools.append(
            tool(
                "introspect",
                "Look at the schema",
                "The GraphQL types a question needs.",
                IntrospectArguments,
                Introspected,
                introspect,
            )
        )
    if not documents_only:
        tools += [
            tool(
                "validate",
                "Check a query",
                "Say whether a GraphQL query fits the schema.",
                DocumentArguments,
                Validated,
                validate,
            ),
            Tool(
                "execute",
                "Run a query",
                "Run a GraphQL query (no mutation). A large answer comes as statistics and a sample.",
                schema_of(ExecuteArguments),
                schema_of_data(),
                _execute,
            ),
        ]
    return tools


def schema_of_data() -> dict[str, Any]:
    return schema_of(Data)


def answer_of(data: Any, asker: Asker) -> dict[str, Any]:
    """Return an answer of the graph, shortened to what an assistant can read."""
    whole = cleaned(data)
    answer: dict[str, Any] = {"summary": "The whole answer.", "notes": asker.notes, "data": whole}
    if len(written(answer)) <= MOST_CHARACTERS:
        return answer
    more = "Select less, or fewer rows."
    if asker.address is not None:
        more = f"For all of it POST the same query to {asker.address}/graphql , or the report's filter and window to "
        more += f"{asker.address}/export/report for a table. Or select less."
    for rows in (10, 3, 1, 0):
        answer = {
            "summary": f"A sample of {len(written(whole))} characters. Each list is cut; `of` is its length.",
            "notes": asker.notes,
            "data": sampled(whole, rows),
            "more": more,
        }
        if len(written(answer)) <= MOST_CHARACTERS:
            return answer
    return {**answer, "data": None, "summary": "The answer is too large even as a sample: select fewer fields."}


async def _execute(asker: Asker, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        read = ExecuteArguments.model_validate(dict(given))
    except ValueError:
        raise Refused("Send `query`, a GraphQL document, and `variables`, an object, if it has any.") from None
    return answer_of(await asker.ask(read.query, read.variables, read.operation), asker)


def _sdl(api: GraphQLSchema, names: list[str]) -> str:
    query = api.query_type
    if query is None:
        return ""
    if not names:
        return "type Query {\n" + "\n".join(f"  {_field(name, field)}" for name, field in query.fields.items()) + "\n}"
    parts = []
    for name in names:
        if name in query.fields:
            parts.append(f"type Query {{\n  {_field(name, query.fields[name])}\n}}")
        elif (type_ := api.type_map.get(name)) is not None:
            parts.append(_compact(type_))
        else:
            parts.append(f"# nothing is called {quoted(name)}")
    return "\n\n".join(parts)[:SHOWN_TYPES]


def _compact(type_: Any) -> str:
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        return f"type {type_.name} {{\n" + "\n".join(f"  {_field(n, f)}" for n, f in type_.fields.items()) + "\n}"
    if isinstance(type_, GraphQLInputObjectType):
        return f"input {type_.name} {{ " + ", ".join(f"{n}: {f.type}" for n, f in type_.fields.items()) + " }"
    if isinstance(type_, GraphQLEnumType):
        return f"enum {type_.name} {{ " + " ".join(type_.values) + " }"
    return print_type(type_)


def _field(name: str, field: Any) -> str:
    arguments = ", ".join(f"{each}: {argument.type}" for each, argument in field.args.items())
    return f"{name}({arguments}): {field.type}" if arguments else f"{name}: {field.type}"
