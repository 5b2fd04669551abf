"""Execute lists of records without a resolver call for each field: graphql-core's answers, many times faster.

A list of records, and the plain fields of a single record, are projected by a function compiled for the selection.
Fields that have a batch resolver are resolved for all records at once, and their values are projected likewise. In any
unusual case (a null in a list, a value of another class, an error) graphql-core executes the list instead, so that
errors, paths and nulls are its own.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson
from graphql import GraphQLLeafType, GraphQLList, GraphQLNonNull, GraphQLObjectType, get_named_type
from graphql.execution.collect_fields import DeferUsage, FieldDetailsList, GroupedFieldSet
from graphql.execution.values import get_argument_values
from graphql.pyutils import AwaitableOrValue, Path, Undefined
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from ..butlr import InvalidResponse
from ..graph.batch_resolver import ParentBatch
from ..graph.record_fields import RecordShape, Unread
from ..graph.selection import ResolveInfo
from ..loaders import Budget, BudgetSpent
from .plan import Many, Plan, Plans, streamed
from .projection import Projection, Times, Unproven
from .record_types import PLAIN
from .writing import ROWS_AT_ONCE, encoded, rows_in

# How many points a row of a `@defer` or `@stream` part costs, since graphql-core completes it field by field.
PUT_OFF = 10
# The outcome of a field of a record, by the identities of the field's details and of the record.
Resolved = dict[tuple[int, int], Any]


@dataclass(slots=True)
class Attempt:
    """One attempt at a list. What it resolved is kept, so that graphql-core need not resolve it again if it fails."""

    written: bool
    resolved: Resolved = field(default_factory=dict)
    # The objects whose identities are keys, kept alive so that no identity is reused.
    held: list[Any] = field(default_factory=list)


class BulkExecutor(StrawberryGraphQLCoreExecutionContext):
    shapes: ClassVar[Mapping[str, RecordShape]] = PLAIN
    # The modes in which a list is attempted, in order: as JSON (True) or as Python objects.
    writes: ClassVar[tuple[bool, ...]] = (False,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plans = Plans(self, self.shapes)
        self._times = Times()
        self._resolved: Resolved = {}
        self._held: list[Any] = []

    def complete_list_value(
        self,
        return_type: GraphQLList[Any],
        field_details_list: FieldDetailsList,
        info: ResolveInfo,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> AwaitableOrValue[list[Any]]:
        if type(result) is list:
            self._count(return_type, result, position_context)
        if type(result) in (list, Unread) and result and position_context is None:
            plan = self._plan_of_items(return_type, field_details_list)
            if plan and not plan.rest:
                read, plan = _read(result, plan)
                if type(result) is Unread:
                    self._count(return_type, read, None)
                if plan.many and read:
                    return self._listed_with_many(plan, return_type, field_details_list, info, path, read)
                listed: list[Any] | None = self._listed(plan, read)
                if listed is not None:
                    return listed
        if type(result) is Unread:
            result = list(result)
            self._count(return_type, result, position_context)
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)

    def complete_leaf_value(self, return_type: GraphQLLeafType, result: Any) -> Any:  # type: ignore[override]
        value = super().complete_leaf_value(return_type, result)
        if return_type.name != "JSON" or not isinstance(value, list | dict | str):
            return value
        if (budget := self._budget) and not isinstance(value, str):
            budget.count(_points_in(value))
        try:
            json = self._written(orjson.dumps(value))
        except TypeError as exc:
            # orjson reads 1,024 levels of nesting but writes only 254.
            raise InvalidResponse("Butlr's value nests too deep to be written as JSON.") from exc
        return json if self.writes[0] else value

    @property
    def _budget(self) -> Budget | None:
        return getattr(self.context_value, "budget", None)

    def _count(self, return_type: GraphQLList[Any], items: list[Any], position_context: Any) -> None:
        """Count the points that a list adds to the answer. Raises `BudgetSpent`."""
        budget = self._budget
        if budget is None or not isinstance(get_named_type(return_type), GraphQLObjectType):
            return
        points = sum(map(_points_of, items))
        # Deferred parts are completed field by field.
        budget.count(points if position_context is None else points * PUT_OFF)

    def _plan_of_items(self, return_type: GraphQLList[Any], details: FieldDetailsList) -> Plan | None:
        item_type = return_type.of_type
        if isinstance(item_type, GraphQLNonNull):
            item_type = item_type.of_type
        if not isinstance(item_type, GraphQLObjectType) or streamed(details):
            return None
        return self._plans.below(item_type, details)

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
            plan = self._plans.of(parent_type, grouped_field_set)
        # The lists of a single object may be long, so each is executed by itself; the lists of an item are short.
        alone = plan is not None and plan.holds_lists and isinstance(path.key, str)
        projected = self._projected(plan, (source_value,)) if plan and not alone else None
        if plan and projected:
            return self._with_rest(projected[0], parent_type, source_value, path, plan.left)
        return super().execute_collected_subfields(
            parent_type, source_value, path, grouped_field_set, new_defer_usages, position_context
        )

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        """Execute a field as graphql-core does, but only complete the value of a field that is resolved already."""
        outcome = self._resolved.get((id(field_details_list), id(source)), Undefined) if self._resolved else Undefined
        if outcome is Undefined or position_context is not None:
            return super().execute_field(parent_type, source, field_details_list, path, position_context)
        node = field_details_list[0].node
        definition = self.schema.get_field(parent_type, node.name.value)
        assert definition is not None  # noqa: S101 -- it has been resolved
        nodes = [details.node for details in field_details_list]
        info = self.build_resolve_info(definition, nodes, parent_type, path)
        return self._completed(definition.type, field_details_list, info, path, outcome)

    def _completed(
        self, type_: Any, details: FieldDetailsList, info: ResolveInfo, path: Path, outcome: Any
    ) -> AwaitableOrValue[Any]:
        try:
            completed = self.complete_value(type_, details, info, path, outcome, None)
        except Exception as error:  # noqa: BLE001 -- graphql-core's own judgement of it follows
            self.handle_field_error(error, type_, details, path)
            return None
        if not self.is_awaitable(completed):
            return completed

        async def awaited() -> Any:
            try:
                return await completed
            except Exception as error:  # noqa: BLE001 -- as above
                self.handle_field_error(error, type_, details, path)
                return None

        return awaited()

    def _listed(self, plan: Plan, records: list[Any]) -> Any:
        """Return what the answer has for a list of records; None as in `_projected`."""
        return self._projected(plan, records)

    def _projected(self, plan: Plan, records: Sequence[Any]) -> list[dict[str, Any]] | None:
        """Project records; None if graphql-core has to execute them, which then reports the error with its path."""
        try:
            return plan.maps(records, self._times, *([(None,)] * len(plan.many)))
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
        """Fill in the fields that need their resolvers. Each has its place in the map already."""
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

    async def _listed_with_many(
        self,
        plan: Plan,
        return_type: GraphQLList[Any],
        details: FieldDetailsList,
        info: ResolveInfo,
        path: Path,
        records: list[Any],
    ) -> Any:
        """Complete a list as `complete_list_value` does, including fields with a batch resolver."""
        for written in self.writes:
            attempt = Attempt(written)
            try:
                made = await self._made(plan, records, [1] * len(records), attempt)
                return self._written(await encoded(made)) if written else made
            except BudgetSpent:
                raise
            except Exception:  # noqa: BLE001 -- of whatever kind: what is left to graphql-core it judges
                self._resolved |= attempt.resolved
                self._held += attempt.held
        completed = super().complete_list_value(return_type, details, info, path, records, None)
        return await completed if self.is_awaitable(completed) else completed

    def _written(self, json: bytes) -> orjson.Fragment:
        if budget := self._budget:
            budget.wrote(len(json))
        return orjson.Fragment(json)

    async def _made(self, plan: Plan, records: Sequence[Any], counts: Sequence[int], attempt: Attempt) -> list[Any]:
        """Return what the answer has for each record. `counts` says how many times each record is in the answer.

        Raises any exception where graphql-core has to execute the list instead.
        """
        kinds = plan.selection.shape.kinds
        if plan.rest or not all(type(record) in kinds for record in records):
            raise Unproven
        if len(plan.many) == 1:
            cells = [await self._cells(plan.many[0], plan, records, counts, attempt)]
        else:
            # All are awaited, even after a failure, so that everything resolved is kept.
            found = await asyncio.gather(
                *(self._cells(each, plan, records, counts, attempt) for each in plan.many), return_exceptions=True
            )
            cells = [each for each in found if not isinstance(each, BaseException)]
            if len(cells) < len(found):
                raise Unproven
        return await self._in_steps(plan, records, cells, plan.structs if attempt.written else plan.maps)

    async def _in_steps(
        self, plan: Plan, records: Sequence[Any], cells: Sequence[list[Any]], project: Projection
    ) -> list[Any]:
        """Project records in steps of `ROWS_AT_ONCE`, those in their lists included, and yield between steps."""
        size = 1 if plan.holds_lists else ROWS_AT_ONCE
        made: list[Any] = []
        rows = 0
        for at in range(0, len(records), size):
            made += project(records[at : at + size], self._times, *(cell[at : at + size] for cell in cells))
            rows += rows_in(made[-1]) if plan.holds_lists else size
            if rows >= ROWS_AT_ONCE:
                rows = 0
                await asyncio.sleep(0)
        return made

    async def _cells(
        self, many: Many, plan: Plan, records: Sequence[Any], counts: Sequence[int], attempt: Attempt
    ) -> list[Any]:
        """Return what the answer has for one field of each record."""
        outcomes = await self._outcomes(many, plan, records, counts, attempt)
        below = self._plans.below(many.item_type, many.details)
        if below is None:
            raise Unproven
        # Each object is projected once, even if the answer has it in several places.
        items: dict[int, Any] = {}
        places: Counter[int] = Counter()
        for outcome, count in zip(outcomes, counts, strict=True):
            for item in _items(outcome, many):
                items[id(item)] = item
                places[id(item)] += count
        made = await self._made(below, list(items.values()), list(places.values()), attempt) if items else []
        by_id = dict(zip(items, made, strict=True))
        if many.listed:
            return [outcome and [by_id[id(item)] for item in outcome] for outcome in outcomes]
        return [None if outcome is None else by_id[id(outcome)] for outcome in outcomes]

    async def _outcomes(
        self, many: Many, plan: Plan, records: Sequence[Any], counts: Sequence[int], attempt: Attempt
    ) -> Sequence[Any]:
        """Return the resolver's value for each record. Raises `Unproven` if it is an error for any of them."""
        keys = [(id(many.details), id(record)) for record in records]
        if self._resolved and all(key in self._resolved for key in keys):
            outcomes: Sequence[Any] = [self._resolved[key] for key in keys]
        else:
            outcomes = await self._resolve(many, plan.of_type, ParentBatch(records, counts))
            attempt.resolved |= zip(keys, outcomes, strict=True)
            attempt.held += (many.details, records)
        if any(isinstance(outcome, Exception) for outcome in outcomes):
            raise Unproven
        return outcomes

    def _resolve(self, many: Many, parent_type: GraphQLObjectType, records: ParentBatch) -> Any:
        # Batch resolvers do not read the path.
        path = Path(None, many.name, parent_type.name)
        info = self.build_resolve_info(many.field, [each.node for each in many.details], parent_type, path)
        first = many.details[0]
        arguments = get_argument_values(
            many.field, first.node, self.variable_values, first.fragment_variable_values, self.hide_suggestions
        )
        assert many.field.resolve is not None  # noqa: S101 -- it is one of many
        return many.field.resolve(records, info, **arguments)


def _points_of(item: Any) -> int:
    """Count the points of a list's item: those of a series, or one for any other item."""
    times = getattr(item, "times", None)
    return 1 + len(times) if isinstance(times, list) else 1


def _points_in(value: list[Any] | dict[str, Any]) -> int:
    """Count the rows, or the entries of a grouped answer, in a JSON value."""
    points, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        points += len(one)
        if isinstance(one, dict):
            waiting += [each for each in one.values() if isinstance(each, list | dict)]
    return points


def _items(outcome: Any, many: Many) -> Sequence[Any]:
    if outcome is None:
        return ()
    if not many.listed:
        return (outcome,)
    if type(outcome) is not list:
        raise Unproven
    return outcome


def _read(records: list[Any] | Unread, plan: Plan) -> tuple[list[Any], Plan]:
    """Read the attributes of the records that the plan needs, and return the plan for their class."""
    if isinstance(records, list):
        return records, plan
    read = records.having(plan.reads)
    return read, plan.of(type(read[0])) if read else plan
