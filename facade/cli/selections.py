"""The fields that an operation selects, by response name, from which the columns of its tables are known."""

from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from .tables import Selection


def selection_of(document: DocumentNode, operation: OperationDefinitionNode) -> Selection:
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    return _selection([operation.selection_set], fragments)


def _selection(
    sets: list[SelectionSetNode], fragments: dict[str, FragmentDefinitionNode]
) -> dict[str, Selection | None]:
    below: dict[str, list[SelectionSetNode]] = {}
    for set_ in sets:
        for node in _fields(set_, fragments):
            # A field may be selected several times, with different fields below it.
            some = below.setdefault((node.alias or node.name).value, [])
            if node.selection_set:
                some.append(node.selection_set)
    return {name: _selection(some, fragments) if some else None for name, some in below.items()}


def _fields(set_: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]) -> Iterator[FieldNode]:
    for node in set_.selections:
        match node:
            case FieldNode():
                yield node
            case InlineFragmentNode():
                yield from _fields(node.selection_set, fragments)
            case FragmentSpreadNode():
                yield from _fields(fragments[node.name.value].selection_set, fragments)
