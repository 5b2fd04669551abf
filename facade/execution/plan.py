"""Plan the execution of selections of records: fields to project, fields for batch resolvers, and the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetails, FieldDetailsList, GroupedFieldSet
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from ..graph.batch_resolver import read_by
from ..graph.record_fields import FieldSource, RecordShape, reading_of
from .projection import MOST_FIELDS, Projection, maps, projects, structs
from .record_selection import RecordSelection, SelectedField


class Many(NamedTuple):
    """A field that is resolved for all records of a list at once."""

    name: str
    details: FieldDetailsList
    field: GraphQLField
    item_type: GraphQLObjectType
    listed: bool


@dataclass(frozen=True)
class Plan:
    """How one selection of one type is executed: by projection, except for `many` and `rest`."""

    of_type: GraphQLObjectType
    selection: RecordSelection
    many: tuple[Many, ...]
    rest: GroupedFieldSet
    # The attributes that the resolvers of `many` read.
    looks_at: frozenset[str]

    @cached_property
    def maps(self) -> Projection:
        return maps(self.selection)

    @cached_property
    def structs(self) -> Projection:
        return structs(self.selection)

    @cached_property
    def holds_lists(self) -> bool:
        """Return whether the projection includes lists of records."""
        return any(field.below and isinstance(field.type, GraphQLList) for field in self.selection.fields)

    @cached_property
    def left(self) -> GroupedFieldSet:
        """Return all fields that are not projected."""
        return {**self.rest, **{many.name: many.details for many in self.many}}

    @cached_property
    def reads(self) -> frozenset[str]:
        return self.selection.reads() | self.looks_at

    def of(self, kind: type) -> "Plan":
        """Return the same plan for records of another class."""
        if kind in self.selection.shape.kinds:
            return self
        selection = self.selection._replace(shape=RecordShape((kind,)))
        return Plan(self.of_type, selection, self.many, self.rest, self.looks_at)


class Plans:
    """The plans of one execution. A plan is None where graphql-core executes everything."""

    def __init__(self, executor: Executor[Any], shapes: Mapping[str, RecordShape]) -> None:
        self._executor = executor
        self._shapes = shapes
        # Keyed by the identity of the collected fields, which are kept alive so that it is not reused.
        self._known: dict[int, tuple[GroupedFieldSet, Plan | None]] = {}

    def below(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Plan | None:
        """Return the plan for the selection of a field."""
        if type_.name not in self._shapes:
            return None
        try:
            collected = self._executor.collect_subfields(type_, details)
        except (GraphQLError, RecursionError):
            return None
        return None if collected.new_defer_usages else self.of(type_, collected.grouped_field_set)

    def of(self, type_: GraphQLObjectType, fields: GroupedFieldSet) -> Plan | None:
        shape = self._shapes.get(type_.name)
        if shape is None:
            return None
        known = self._known.get(id(fields))
        if known is None:
            known = self._known[id(fields)] = (fields, self._made(type_, shape, fields))
        return known[1]

    def _made(self, type_: GraphQLObjectType, shape: RecordShape, fields: GroupedFieldSet) -> Plan | None:
        schema = self._executor.schema
        if self._executor.middleware_manager is not None or not _takes(type_, shape):
            return None
        if not all(schema.get_field(type_, details[0].node.name.value) for details in fields.values()):
            # The document was not validated: graphql-core omits unknown fields.
            return None
        try:
            selection = self._selection(type_, shape, fields)
        except (GraphQLError, RecursionError):
            return None
        left = [field.name for field in selection.fields if field.type is None]
        if selection.size() > MOST_FIELDS:
            return None
        found = {name: self._many(type_, fields[name]) for name in left}
        many = {name: each for name, each in found.items() if each}
        if len(left) == len(selection.fields) and not many:
            return None
        selection = selection._replace(
            fields=tuple(field._replace(given=field.name in many) for field in selection.fields)
        )
        looks_at = frozenset(
            attribute for each in many.values() for attribute in read_by(_resolver_of(each.field)) or ()
        )
        rest = {name: fields[name] for name in left if name not in many}
        return Plan(type_, selection, tuple(many.values()), rest, looks_at)

    def _many(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Many | None:
        node = details[0].node
        field = self._executor.schema.get_field(type_, node.name.value)
        if field is None or _deferred(details) or streamed(details) or read_by(_resolver_of(field)) is None:
            return None
        listed = isinstance(field.type, GraphQLList)
        item_type = field.type.of_type if isinstance(field.type, GraphQLList) else field.type
        if listed and isinstance(item_type, GraphQLNonNull):
            item_type = item_type.of_type
        # The failure of a non-null field would make its parents null, so graphql-core executes it.
        if not isinstance(item_type, GraphQLObjectType):
            return None
        return Many(node.alias.value if node.alias else node.name.value, details, field, item_type, listed)

    def _selection(self, type_: GraphQLObjectType, shape: RecordShape, fields: GroupedFieldSet) -> RecordSelection:
        selected = (self._selected(type_, shape, name, details) for name, details in fields.items())
        return RecordSelection(type_.name, shape, tuple(selected))

    def _selected(
        self, type_: GraphQLObjectType, shape: RecordShape, name: str, details: list[FieldDetails]
    ) -> SelectedField:
        node = details[0].node
        field = self._executor.schema.get_field(type_, node.name.value)
        if field is None or node.arguments or _deferred(details) or streamed(details):
            return SelectedField(name)
        if node.name.value == "__typename":
            return SelectedField(name, type=field.type)
        reading = _reading(field, shape)
        named = get_named_type(field.type)
        if reading and isinstance(named, GraphQLObjectType):
            below = self._below(named, reading.items or self._shapes.get(named.name), details)
            if below:
                return SelectedField(name, reading.accessor, field.type, below)
        elif reading and projects(named):
            return SelectedField(name, reading.accessor, field.type)
        return SelectedField(name)

    def _below(
        self, type_: GraphQLObjectType, shape: RecordShape | None, details: list[FieldDetails]
    ) -> RecordSelection | None:
        """Return the selection below a field; None if not every field of it can be projected."""
        if shape is None or not _takes(type_, shape):
            return None
        collected = self._executor.collect_subfields(type_, details)
        if collected.new_defer_usages:
            return None
        selection = self._selection(type_, shape, collected.grouped_field_set)
        return selection if all(field.type for field in selection.fields) else None


def _takes(type_: GraphQLObjectType, shape: RecordShape) -> bool:
    """Return whether `is_type_of` is known to accept the shape's records."""
    return type_.is_type_of is None or shape.is_type


def _definition(field: GraphQLField) -> StrawberryField | None:
    """Return the Strawberry field; None if it has extensions or a resolver that Strawberry did not make."""
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryField) or definition.extensions:
        return None
    return definition if hasattr(field.resolve, "_is_default") else None


def _resolver_of(field: GraphQLField) -> object:
    definition = _definition(field)
    return definition.base_resolver.wrapped_func if definition and definition.base_resolver else None


def is_looked_up(field: GraphQLField) -> bool:
    """Return whether a field of records is looked up among the assets."""
    return read_by(_resolver_of(field)) is not None


def _reading(field: GraphQLField, shape: RecordShape) -> FieldSource | None:
    """None where more than reading happens."""
    definition = _definition(field)
    if definition is None:
        return None
    if definition.base_resolver is not None:
        return reading_of(definition.base_resolver.wrapped_func)
    accessor = shape.accessor(definition.python_name) if definition.default_resolver is getattr else None
    return None if accessor is None else FieldSource(accessor)


def streamed(details: list[FieldDetails]) -> bool:
    return any(directive.name.value == "stream" for detail in details for directive in detail.node.directives or ())


def _deferred(details: list[FieldDetails]) -> bool:
    return any(detail.defer_usage is not None for detail in details)
