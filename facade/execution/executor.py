"""Execute lists of records without a resolver call for each field: graphql-core's answers, many times faster.

A list of records, and the plain fields of a single record, are projected by a function compiled for the selection.
Fields that have a batch resolver are resolved for all records at once, and their values are projected likewise. In any
unusual case (a null in a list, a value of another class, an error) graphql-core executes the list instead, so that
errors, paths and nulls are its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson
from graphql import GraphQLLeafType, GraphQLList, GraphQLNonNull, GraphQLObjectType, get_named_type
from graphql.execution.collect_fields import DeferUsage, FieldDetailsList, GroupedFieldSet
from graphql.pyutils import AwaitableOrValue, Path, Undefined
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from ..butlr import InvalidResponse
from ..graph.record_fields import RecordShape, Unread
from ..graph.selection import ResolveInfo
from ..loaders import Budget, BudgetSpent
from .batch_projection import Attempt, BatchProjection
from .plan import Plan, Plans, streamed
from .projection import Times
from .record_types import PLAIN
from .writing import encoded

# How many points a row of a `@defer` or `@stream` part costs, since graphql-core completes it field by field.
PUT_OFF = 10


class BulkExecutor(StrawberryGraphQLCoreExecutionContext):
    shapes: ClassVar[Mapping[str, RecordShape]] = PLAIN
    # The modes in which a list is attempted, in order: as JSON (True) or as Python objects.
    writes: ClassVar[tuple[bool, ...]] = (False,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plans = Plans(self, self.shapes)
        self._times = Times()
        self._lists = BatchProjection(self, self._plans, self._times)

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
        outcomes = self._lists.outcomes
        outcome = outcomes.get((id(field_details_list), id(source)), Undefined) if outcomes else Undefined
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
                made = await self._lists.project(plan, records, [1] * len(records), attempt)
                return self._written(await encoded(made)) if written else made
            except BudgetSpent:
                raise
            except Exception:  # noqa: BLE001 -- of whatever kind: what is left to graphql-core it judges
                self._lists.keep(attempt)
        completed = super().complete_list_value(return_type, details, info, path, records, None)
        return await completed if self.is_awaitable(completed) else completed

    def _written(self, json: bytes) -> orjson.Fragment:
        if budget := self._budget:
            budget.wrote(len(json))
        return orjson.Fragment(json)


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


def _read(records: list[Any] | Unread, plan: Plan) -> tuple[list[Any], Plan]:
    """Read the attributes of the records that the plan needs, and return the plan for their class."""
    if isinstance(records, list):
        return records, plan
    read = records.having(plan.reads)
    return read, plan.of(type(read[0])) if read else plan
