"""Describe faults in the variables of a translated body, without its values, since a body may have a password."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    VariableDefinitionNode,
    is_required_input_field,
    type_from_ast,
)
from graphql.pyutils import suggestion_list

# Longer names are not compared with known ones: they are no typing errors, and comparing takes long.
_LONGEST_NAME = 64


def misfits(
    schema: GraphQLSchema, definitions: Collection[VariableDefinitionNode], values: Mapping[str, Any], *, suggest: bool
) -> Iterator[str]:
    """Yield one sentence for each variable or field that does not fit."""
    for definition in definitions:
        name = definition.variable.name.value
        type_ = type_from_ast(schema, definition.type)
        if name in values:
            yield from _misfits(values[name], type_, name, suggest=suggest)
        elif isinstance(type_, GraphQLNonNull) and definition.default_value is None:
            yield f"`{name}` is missing."


def unknown_field(name: str, index: int, known: Collection[str], *, suggest: bool = True) -> str:
    """Refer to an unknown field in a message: by its name if it is similar to a known one, else by its position."""
    near = suggestion_list(name, list(known)) if suggest and len(name) <= _LONGEST_NAME else []
    return f"`{name}`," if near else f"a name, its field number {index + 1},"


def nearest(name: str, known: Collection[str]) -> str:
    near = suggestion_list(name, list(known)) if len(name) <= _LONGEST_NAME else []
    return f" Did you mean `{near[0]}`?" if near else ""


def _misfits(value: Any, type_: Any, path: str, *, suggest: bool) -> Iterator[str]:
    if isinstance(type_, GraphQLNonNull):
        if value is None:
            yield f"`{path}` must not be null."
            return
        type_ = type_.of_type
    if value is None:
        return
    if isinstance(type_, GraphQLList):
        if not isinstance(value, list):
            yield from _misfits(value, type_.of_type, path, suggest=suggest)
            return
        for index, item in enumerate(value):
            yield from _misfits(item, type_.of_type, f"{path}[{index}]", suggest=suggest)
    elif isinstance(type_, GraphQLInputObjectType):
        yield from _object_misfits(value, type_, path, suggest=suggest)
    else:
        yield from _leaf_misfits(value, type_, path, suggest=suggest)


def _object_misfits(value: Any, type_: GraphQLInputObjectType, path: str, *, suggest: bool) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"`{path}` must be an object."
        return
    for index, name in enumerate(value):
        if name not in type_.fields:
            what = unknown_field(name, index, type_.fields, suggest=suggest)
            hint = nearest(name, type_.fields) if suggest else ""
            yield f"`{path}` has {what} which is not a field of `{type_.name}`.{hint}"
    for name, field in type_.fields.items():
        if name in value:
            yield from _misfits(value[name], field.type, f"{path}.{name}", suggest=suggest)
        elif is_required_input_field(field):
            yield f"`{path}.{name}` is missing."


def _leaf_misfits(value: Any, type_: GraphQLLeafType, path: str, *, suggest: bool) -> Iterator[str]:
    try:
        fits = type_.coerce_input_value(value) is not None
    except (GraphQLError, ValueError, TypeError):
        fits = False
    if not fits:
        article = "an" if type_.name[0] in "AEIO" else "a"
        yield f"`{path}` is not {article} {type_.name}.{_hint(value, type_, suggest=suggest)}"


def _hint(value: Any, type_: GraphQLLeafType, *, suggest: bool) -> str:
    if isinstance(type_, GraphQLEnumType):
        return nearest(value, type_.values) if suggest and isinstance(value, str) else ""
    # "A time: RFC 3339, …": the accepted forms are after the colon.
    _, _, takes = (type_.description or "").partition(". ")[0].rstrip(".").partition(": ")
    return f" It takes {takes}." if takes else ""
