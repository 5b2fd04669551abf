"""Trusted documents as tools: one for each named query of the manifest, with its variables as arguments."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
    type_from_ast,
)

from .asking import Asker
from .graph import answer_of, schema_of_data
from .texts import plain
from .tool import Tool

_SCALARS = {"Int": "integer", "Float": "number", "String": "string", "ID": "string", "Boolean": "boolean"}
# How many levels of input objects a tool's schema describes.
_DEPTH = 4
_NAME = re.compile(r"[^A-Za-z0-9_]")


def document_tools(texts: Iterable[str], schema: GraphQLSchema, taken: Iterable[str]) -> list[Tool]:
    """Return a tool for each named query. Mutations and subscriptions are no tools."""
    names, tools = set(taken), []
    for text in texts:
        try:
            operations = [node for node in parse(text).definitions if isinstance(node, OperationDefinitionNode)]
        except GraphQLError:
            # An invalid document is no tool. Clients that run it by GraphQL get its errors.
            continue
        for operation in operations:
            if operation.operation is not OperationType.QUERY or operation.name is None:
                continue
            name = _NAME.sub("_", operation.name.value)[:60]
            if name in names:
                name = f"{name}_{len(names)}"
            names.add(name)
            tools.append(_tool(name, text, operation, schema))
    return tools


def _tool(name: str, text: str, operation: OperationDefinitionNode, schema: GraphQLSchema) -> Tool:
    own = operation.name.value if operation.name else None

    async def call(asker: Asker, given: Mapping[str, Any]) -> dict[str, Any]:
        return answer_of(await asker.ask(text, given, own), asker)

    return Tool(name, name, _description(text, operation), _input_of(operation, schema), schema_of_data(), call)


def _description(text: str, operation: OperationDefinitionNode) -> str:
    said = getattr(operation, "description", None)
    if said is not None:
        return plain(said.value, 500)
    comments = []
    for line in text.strip().splitlines():
        if not line.startswith("#"):
            break
        comments.append(line.lstrip("# "))
    return plain(" ".join(comments), 500) or "A query that the operator of this facade has trusted."


def _input_of(operation: OperationDefinitionNode, schema: GraphQLSchema) -> dict[str, Any]:
    properties, required = {}, []
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        type_ = type_from_ast(schema, definition.type)
        properties[name] = _json_type(type_, _DEPTH)
        if isinstance(type_, GraphQLNonNull) and definition.default_value is None:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _json_type(type_: Any, depth: int) -> dict[str, Any]:  # noqa: PLR0911 -- a return a kind of type
    if isinstance(type_, GraphQLNonNull):
        return _json_type(type_.of_type, depth)
    if isinstance(type_, GraphQLList):
        return {"type": "array", "items": _json_type(type_.of_type, depth)}
    if isinstance(type_, GraphQLEnumType):
        return {"enum": list(type_.values)}
    if isinstance(type_, GraphQLInputObjectType):
        if depth == 0:
            return {"type": "object", "description": type_.name}
        fields = {name: _json_type(field.type, depth - 1) for name, field in type_.fields.items()}
        required = [name for name, field in type_.fields.items() if isinstance(field.type, GraphQLNonNull)]
        return {"type": "object", "properties": fields, "required": required}
    if type_ is not None and type_.name in _SCALARS:
        return {"type": _SCALARS[type_.name]}
    return {"description": plain(f"{type_.name}: {type_.description or ''}", 200)} if type_ is not None else {}
