"""The fields that a selection asks for. They decide the upstream call before it is made."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    Node,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

ResolveInfo = GraphQLResolveInfo[Any]


def selected(info: ResolveInfo) -> set[str]:
    """Return the names of the fields selected below this one: fragments expanded, `@skip` and `@include` applied."""
    return {node.name.value for node in nodes(info)}


def nodes(info: ResolveInfo) -> Iterator[FieldNode]:
    """Yield the same fields as nodes of the document."""
    sets = [node.selection_set for node in info.field_nodes if node.selection_set]
    # Strawberry's executor hands resolvers the plain coerced values.
    values: Mapping[str, Any] = info.variable_values  # type: ignore[assignment]
    for selection in selections(sets, lambda name: info.fragments[name].selection_set, values):
        if isinstance(selection, FieldNode):
            yield selection


def selections(
    sets: Iterable[SelectionSetNode], fragment: Callable[[str], SelectionSetNode | None], values: Mapping[str, Any]
) -> Iterator[SelectionNode]:
    """Yield the fields, and the fragments with what is in them, to which `@skip` and `@include` do not apply.

    Each fragment is expanded once: fragments that each spread another one twice would grow exponentially.
    """
    opened: set[str] = set()
    waiting = list(sets)
    while waiting:
        for selection in waiting.pop().selections:
            if not included(selection, values):
                continue
            yield selection
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name not in opened and (below := fragment(name)):
                    opened.add(name)
                    waiting.append(below)
            elif isinstance(selection, InlineFragmentNode):
                waiting.append(selection.selection_set)


def fragments_of(document: DocumentNode) -> dict[str, SelectionSetNode]:
    return {
        definition.name.value: definition.selection_set
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


def included(selection: SelectionNode, values: Mapping[str, Any]) -> bool:
    """Return whether a selection counts by its `@skip` and `@include`."""
    for directive in selection.directives or ():
        name = directive.name.value
        if name in ("skip", "include") and directive.arguments:
            condition = directive.arguments[0].value
            given: Any = None
            if isinstance(condition, VariableNode):
                given = values.get(condition.name.value)
            elif isinstance(condition, BooleanValueNode):
                given = condition.value
            # An operation with a value that is no Boolean will not run; until then the field counts.
            if given is (name == "skip"):
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
