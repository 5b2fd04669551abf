"""The fields that an operation selects, by response name: the columns of its tables, and which of them are times."""

from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

from .tables import Path, Selection


def selection_of(document: DocumentNode, operation: OperationDefinitionNode) -> Selection:
    return _selection([operation.selection_set], _fragments_of(document))


def times_of(document: DocumentNode, operation: OperationDefinitionNode, schema: GraphQLSchema) -> frozenset[Path]:
    """Return the paths of the selected fields of the type `Time`. Fields that the schema lacks are skipped."""
    fragments = _fragments_of(document)
    found: set[Path] = set()

    def walk(set_: SelectionSetNode, type_: GraphQLNamedType | None, path: Path) -> None:
        for node in set_.selections:
            match node:
                case FieldNode():
                    field = getattr(type_, "fields", {}).get(node.name.value)
                    below, at = field and get_named_type(field.type), (*path, (node.alias or node.name).value)
                    if below is not None and below.name == "Time":
                        found.add(at)
                    elif node.selection_set:
                        walk(node.selection_set, below, at)
                case InlineFragmentNode(type_condition=NamedTypeNode(name=named)):
                    walk(node.selection_set, schema.get_type(named.value), path)
                case InlineFragmentNode():
                    walk(node.selection_set, type_, path)
                case FragmentSpreadNode():
                    fragment = fragments[node.name.value]
                    walk(fragment.selection_set, schema.get_type(fragment.type_condition.name.value), path)

    walk(operation.selection_set, schema.get_root_type(operation.operation), ())
    return frozenset(found)


def _fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


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
