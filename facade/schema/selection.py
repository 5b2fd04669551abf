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
    return {node.name.value for node in nodes(info)}


def nodes(info: ResolveInfo) -> Iterator[FieldNode]:
    """The same fields as they are written."""
    # Opened once each: a fragment that opens another twice, and so on, would else take for ever.
    opened: set[str] = set()
    waiting = [node.selection_set for node in info.field_nodes if node.selection_set]
    while waiting:
        for selection in waiting.pop().selections:
            if not _included(selection, info):
                continue
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, FragmentSpreadNode):
                if selection.name.value not in opened:
                    opened.add(selection.name.value)
                    waiting.append(info.fragments[selection.name.value].selection_set)
            else:
                assert isinstance(selection, InlineFragmentNode)  # noqa: S101 -- there are three kinds of selection
                waiting.append(selection.selection_set)


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
