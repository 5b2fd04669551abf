"""Which fields a selection asks for: what decides the upstream call before it is made."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionNode,
    VariableNode,
)

ResolveInfo = GraphQLResolveInfo[Any]


def selected(info: ResolveInfo) -> set[str]:
    """Return the names of the fields selected below this one, fragments opened, `@skip` and `@include` obeyed."""
    names: set[str] = set()
    for node in info.field_nodes:
        if node.selection_set:
            for selection in node.selection_set.selections:
                names.update(_names(selection, info))
    return names


def _names(selection: SelectionNode, info: ResolveInfo) -> Iterator[str]:
    if not _included(selection, info):
        return
    if isinstance(selection, FieldNode):
        yield selection.name.value
        return
    if isinstance(selection, FragmentSpreadNode):
        inner = info.fragments[selection.name.value].selection_set
    else:
        assert isinstance(selection, InlineFragmentNode)  # noqa: S101 -- there are three kinds of selection
        inner = selection.selection_set
    for below in inner.selections:
        yield from _names(below, info)


def _included(selection: SelectionNode, info: ResolveInfo) -> bool:
    for directive in selection.directives or ():
        name = directive.name.value
        if name in ("skip", "include") and directive.arguments:
            condition = directive.arguments[0].value
            if isinstance(condition, VariableNode):
                # Strawberry's executor hands resolvers the plain coerced values.
                on = bool(info.variable_values[condition.name.value])  # type: ignore[call-overload]
            else:
                on = isinstance(condition, BooleanValueNode) and condition.value
            if on is (name == "skip"):
                return False
    return True
