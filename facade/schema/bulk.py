"""Lists of plain records without a resolver call a field: what graphql-core would answer, many times sooner.

A list of records is projected by a function compiled for its selection, a single record's plain fields likewise.
Where anything at all is out of the ordinary (a null in a list, a value of another class, an error in the making)
graphql-core does the work, so errors, paths and nulls are its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import orjson
from graphql import GraphQLError, GraphQLField, GraphQLList, GraphQLNonNull, GraphQLObjectType, get_named_type
from graphql.execution.collect_fields import DeferUsage, FieldDetails, FieldDetailsList, GroupedFieldSet
from graphql.pyutils import AwaitableOrValue, Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from ..butlr import Entry, Row, Statistics, WorldEntry
from .detection import PointRecord
from .pages import EdgeRecord
from .projection import MOST_FIELDS, Projection, Selected, Selection, Times, Writer, compiled, projects, writer
from .report import GroupKeyRecord, GroupRecord, SeriesRecord
from .selection import ResolveInfo
from .shapes import Reading, Shape, Unread, reading_of
from .stats import StatsValueRecord

# The types whose objects are plain records: reading a field neither fails, nor waits, nor changes anything.
# None of them holds itself, or the code for its selections could nest without end.
PLAIN = {
    "Detection": Shape((Entry, WorldEntry)),
    "GroupKey": Shape((GroupKeyRecord,)),
    "Point": Shape((PointRecord,)),
    "ReportGroup": Shape((GroupRecord,)),
    "ReportRow": Shape((Row,)),
    "ReportRowEdge": Shape((EdgeRecord,)),
    "Series": Shape((SeriesRecord,)),
    "Statistics": Shape((Statistics,)),
    "StatsValue": Shape((StatsValueRecord,)),
}


@dataclass(frozen=True)
class Plan:
    """How one selection of one type is executed: projected, but for the fields in `rest`."""

    selection: Selection
    rest: GroupedFieldSet

    @cached_property
    def project(self) -> Projection:
        return compiled(self.selection)

    @cached_property
    def write(self) -> Writer:
        return writer(self.selection)


class BulkExecutor(StrawberryGraphQLCoreExecutionContext):
    shapes: ClassVar[Mapping[str, Shape]] = PLAIN

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By the identity of the collected fields, which are kept with the plan lest the identity be used again.
        self._plans: dict[int, tuple[GroupedFieldSet, Plan | None]] = {}
        self._times = Times()

    def complete_list_value(
        self,
        return_type: GraphQLList[Any],
        field_details_list: FieldDetailsList,
        info: ResolveInfo,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> AwaitableOrValue[list[Any]]:
        if type(result) in (list, Unread) and result and position_context is None:
            item_type = return_type.of_type
            if isinstance(item_type, GraphQLNonNull):
                item_type = item_type.of_type
            if isinstance(item_type, GraphQLObjectType) and not _streamed(field_details_list):
                plan = self._plan_of(item_type, field_details_list)
                if plan and not plan.rest:
                    read, plan = _read(result, plan)
                    listed: list[Any] | None = self._listed(plan, read)
                    if listed is not None:
                        return listed
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)

    def execute_collected_subfields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path,
        grouped_field_set: GroupedFieldSet,
        new_defer_usages: Sequence[DeferUsage],
        position_context: Any,
    ) -> AwaitableOrValue[dict[str, Any]]:
        plan = None
        if not new_defer_usages and position_context is None:
            plan = self._plan(parent_type, grouped_field_set)
        projected = self._projected(plan, (source_value,)) if plan else None
        if plan and projected:
            return self._with_rest(projected[0], parent_type, source_value, path, plan.rest)
        return super().execute_collected_subfields(
            parent_type, source_value, path, grouped_field_set, new_defer_usages, position_context
        )

    def _listed(self, plan: Plan, records: list[Any]) -> Any:
        """What stands in the answer for a list of records; None as in `_projected`."""
        return self._projected(plan, records)

    def _projected(self, plan: Plan, records: Iterable[Any]) -> list[dict[str, Any]] | None:
        """None where graphql-core has to do it: it meets the same trouble, and says where and what."""
        try:
            return plan.project(records, self._times)
        except Exception:  # noqa: BLE001 -- of whatever kind
            return None

    def _with_rest(
        self,
        fields: dict[str, Any],
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path,
        rest: GroupedFieldSet,
    ) -> AwaitableOrValue[dict[str, Any]]:
        """Fill in the fields that need their resolvers; each has its place in the order already."""
        if not rest:
            return fields
        resolved = self.execute_fields(parent_type, source_value, path, rest, None)
        if isinstance(resolved, dict):
            fields.update(resolved)
            return fields

        async def filled() -> dict[str, Any]:
            fields.update(await resolved)
            return fields

        return filled()

    def _plan_of(self, type_: GraphQLObjectType, field_details_list: FieldDetailsList) -> Plan | None:
        if type_.name not in self.shapes:
            return None
        try:
            collected = self.collect_subfields(type_, field_details_list)
        except (GraphQLError, RecursionError):
            return None
        return None if collected.new_defer_usages else self._plan(type_, collected.grouped_field_set)

    def _plan(self, type_: GraphQLObjectType, fields: GroupedFieldSet) -> Plan | None:
        shape = self.shapes.get(type_.name)
        if shape is None:
            return None
        known = self._plans.get(id(fields))
        if known is None:
            known = self._plans[id(fields)] = (fields, self._made(type_, shape, fields))
        return known[1]

    def _made(self, type_: GraphQLObjectType, shape: Shape, fields: GroupedFieldSet) -> Plan | None:
        if self.middleware_manager is not None or type_.is_type_of is not None:
            return None
        if not all(self.schema.get_field(type_, details[0].node.name.value) for details in fields.values()):
            # Not a validated document: graphql-core leaves such a field out.
            return None
        try:
            selection = self._selection(type_, shape, fields)
        except (GraphQLError, RecursionError):
            return None
        if selection.size() > MOST_FIELDS or not any(field.type for field in selection.fields):
            return None
        rest = {field.name: fields[field.name] for field in selection.fields if field.type is None}
        return Plan(selection, rest)

    def _selection(self, type_: GraphQLObjectType, shape: Shape, fields: GroupedFieldSet) -> Selection:
        selected = (self._selected(type_, shape, name, details) for name, details in fields.items())
        return Selection(type_.name, shape, tuple(selected))

    def _selected(self, type_: GraphQLObjectType, shape: Shape, name: str, details: list[FieldDetails]) -> Selected:
        node = details[0].node
        field = self.schema.get_field(type_, node.name.value)
        if field is None or node.arguments or _deferred(details) or _streamed(details):
            return Selected(name)
        if node.name.value == "__typename":
            return Selected(name, type=field.type)
        reading = _reading(field, shape)
        named = get_named_type(field.type)
        if reading and isinstance(named, GraphQLObjectType):
            below = self._below(named, reading.items or self.shapes.get(named.name), details)
            if below:
                return Selected(name, reading.place, field.type, below)
        elif reading and projects(named):
            return Selected(name, reading.place, field.type)
        return Selected(name)

    def _below(self, type_: GraphQLObjectType, shape: Shape | None, details: list[FieldDetails]) -> Selection | None:
        """None where not every field can be projected."""
        if shape is None or type_.is_type_of is not None:
            return None
        collected = self.collect_subfields(type_, details)
        if collected.new_defer_usages:
            return None
        selection = self._selection(type_, shape, collected.grouped_field_set)
        return selection if all(field.type for field in selection.fields) else None


class WritingExecutor(BulkExecutor):
    """Leaves `orjson.Fragment`s in the data for lists of records: for who does nothing but write it out."""

    def _listed(self, plan: Plan, records: list[Any]) -> Any:
        try:
            return orjson.Fragment(plan.write(records, self._times))
        except Exception:  # noqa: BLE001 -- as above; and of what it may not write, the maps may do
            return self._projected(plan, records)


def _read(records: list[Any] | Unread, plan: Plan) -> tuple[list[Any], Plan]:
    """The records as far as the plan goes, and the plan for records such as these."""
    if isinstance(records, list):
        return records, plan
    read = records.having(plan.selection.reads())
    if not read or type(read[0]) in plan.selection.shape.kinds:
        return read, plan
    return read, Plan(plan.selection._replace(shape=Shape((type(read[0]),))), plan.rest)


def _reading(field: GraphQLField, shape: Shape) -> Reading | None:
    """None where more than reading happens. A resolver that is not of Strawberry's making has no `_is_default`."""
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryField) or definition.extensions:
        return None
    if not hasattr(field.resolve, "_is_default"):
        return None
    if definition.base_resolver is not None:
        return reading_of(definition.base_resolver.wrapped_func)
    place = shape.place(definition.python_name) if definition.default_resolver is getattr else None
    return None if place is None else Reading(place)


def _streamed(details: list[FieldDetails]) -> bool:
    return any(directive.name.value == "stream" for detail in details for directive in detail.node.directives or ())


def _deferred(details: list[FieldDetails]) -> bool:
    return any(detail.defer_usage is not None for detail in details)
