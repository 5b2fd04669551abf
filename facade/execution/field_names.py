"""Names of fields as `Type.field`: those that an operation selects, and those of the schema."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
    is_interface_type,
    is_object_type,
)

from .documents import ParsedDocument


def field_names(schema: GraphQLSchema) -> dict[str, str | None]:
    """Return each field of the schema's own types with its deprecation reason, or None."""
    return {
        f"{type_.name}.{name}": field.deprecation_reason
        for type_ in schema.type_map.values()
        if (is_object_type(type_) or is_interface_type(type_)) and not type_.name.startswith("_")
        for name, field in type_.fields.items()
        if not name.startswith("_")
    }


@dataclass(frozen=True, slots=True, eq=False)
class OperationFields:
    """An operation's name and fields, for usage counts. There is one object for each operation of a kept document."""

    name: str
    document: str
    fields: frozenset[str] = frozenset()
    deprecated: frozenset[str] = frozenset()


INVALID = OperationFields("", "")


def operation_fields(
    schema: GraphQLSchema, document: ParsedDocument, text: str, operation: str | None
) -> OperationFields:
    """Return the fields that an operation selects, `@skip` ignored; `INVALID` for an operation that cannot run."""
    if document.errors or document.operation(operation) is None:
        return INVALID
    known: OperationFields | None = document.selected.get(operation)
    if known is None:
        fields = dict(_selected(schema, document, operation))
        known = document.selected[operation] = OperationFields(
            document.operation_name(operation) or "",
            sha256(text.encode()).hexdigest(),
            frozenset(name for name, deprecated in fields.items() if not deprecated),
            frozenset(name for name, deprecated in fields.items() if deprecated),
        )
    return known


def _selected(schema: GraphQLSchema, document: ParsedDocument, operation: str | None) -> Iterator[tuple[str, bool]]:
    chosen = document.operation(operation)
    root = schema.get_root_type(chosen.operation) if chosen else None
    if document.ast is None or chosen is None or root is None:
        return
    fragments = {
        definition.name.value: definition
        for definition in document.ast.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    waiting: list[tuple[GraphQLNamedType, SelectionSetNode]] = [(root, chosen.selection_set)]
    while waiting:
        type_, selections = waiting.pop()
        for node in selections.selections:
            match node:
                case FieldNode(name=name, selection_set=below):
                    field = schema.get_field(type_, name.value)  # type: ignore[arg-type]
                    if field is None or name.value.startswith("_"):
                        continue
                    yield f"{type_.name}.{name.value}", field.deprecation_reason is not None
                    if below:
                        waiting.append((get_named_type(field.type), below))
                case InlineFragmentNode(type_condition=condition, selection_set=below):
                    waiting.append((schema.type_map[condition.name.value] if condition else type_, below))
                case FragmentSpreadNode(name=name):
                    # Each fragment is visited once, since its fields do not depend on where it is spread.
                    if fragment := fragments.pop(name.value, None):
                        waiting.append((schema.type_map[fragment.type_condition.name.value], fragment.selection_set))
