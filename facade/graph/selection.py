"""The fields that a selection asks for. They decide the upstream call before it is made."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    Node,
    SelectionNode,
    VariableNode,
)

ResolveInfo = GraphQLResolveInfo[Any]


def selected(info: ResolveInfo) -> set[str]:
    """Return the names of the fields selected below this one: fragments expanded, `@skip` and `@include` applied."""
    return {node.name.value for node in nodes(info)}


def nodes(info: ResolveInfo) -> Iterator[FieldNode]:
    """Yield the same fields as nodes of the document."""
    # Each fragment is expanded once: fragments that each spread another one twice would grow exponentially.
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


def is_on(node: Node, names: Iterable[str], values: Mapping[str, Any]) -> bool:
    """Return whether a selection has one of the directives, and its `if` does not switch it off."""
    for directive in getattr(node, "directives", None) or ():
        if directive.name.value in names:
            given = [argument.value for argument in directive.arguments or () if argument.name.value == "if"]
            if not given:
                return True
            if isinstance(given[0], VariableNode):
                # An operation with a value that is no Boolean will not run; until then the directive counts.
                return values.get(given[0].name.value) is not False
            return not isinstance(given[0], BooleanValueNode) or given[0].value
    return False
