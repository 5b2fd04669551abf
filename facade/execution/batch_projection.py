"""Project lists of records, with their fields that have a batch resolver."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLObjectType
from graphql.execution import Executor
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path

from ..graph.batch_resolver import ParentBatch
from .plan import Many, Plan, Plans
from .projection import Projection, Times, Unproven
from .writing import ROWS_AT_ONCE, rows_in

# The outcomes of batch resolvers, by the identities of a field's details and of a record.
Outcomes = dict[tuple[int, int], Any]


@dataclass(slots=True)
class Attempt:
    """One attempt at a list. What it resolved is kept, so that graphql-core need not resolve it again if it fails."""

    written: bool
    outcomes: Outcomes = field(default_factory=dict)
    # The objects whose identities are keys, kept alive so that no identity is reused.
    alive: list[Any] = field(default_factory=list)


class BatchProjection:
    """The projection of one operation's lists: each batch resolver is called once for all records of a list."""

    def __init__(self, executor: Executor[Any], plans: Plans, times: Times) -> None:
        self._executor = executor
        self._plans = plans
        self._times = times
        # What failed attempts resolved.
        self.outcomes: Outcomes = {}
        self._alive: list[Any] = []

    def keep(self, failed: Attempt) -> None:
        """Keep what a failed attempt resolved."""
        self.outcomes |= failed.outcomes
        self._alive += failed.alive

    async def project(self, plan: Plan, records: Sequence[Any], counts: Sequence[int], attempt: Attempt) -> list[Any]:
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
        made = await self.project(below, list(items.values()), list(places.values()), attempt) if items else []
        by_id = dict(zip(items, made, strict=True))
        if many.listed:
            return [outcome and [by_id[id(item)] for item in outcome] for outcome in outcomes]
        return [None if outcome is None else by_id[id(outcome)] for outcome in outcomes]

    async def _outcomes(
        self, many: Many, plan: Plan, records: Sequence[Any], counts: Sequence[int], attempt: Attempt
    ) -> Sequence[Any]:
        """Return the resolver's value for each record. Raises `Unproven` if it is an error for any of them."""
        keys = [(id(many.details), id(record)) for record in records]
        if self.outcomes and all(key in self.outcomes for key in keys):
            outcomes: Sequence[Any] = [self.outcomes[key] for key in keys]
        else:
            outcomes = await self._resolve(many, plan.of_type, ParentBatch(records, counts))
            attempt.outcomes |= zip(keys, outcomes, strict=True)
            attempt.alive += (many.details, records)
        if any(isinstance(outcome, Exception) for outcome in outcomes):
            raise Unproven
        return outcomes

    def _resolve(self, many: Many, parent_type: GraphQLObjectType, records: ParentBatch) -> Any:
        executor = self._executor
        # Batch resolvers do not read the path.
        path = Path(None, many.name, parent_type.name)
        info = executor.build_resolve_info(many.field, [each.node for each in many.details], parent_type, path)
        first = many.details[0]
        arguments = get_argument_values(
            many.field, first.node, executor.variable_values, first.fragment_variable_values, executor.hide_suggestions
        )
        assert many.field.resolve is not None  # noqa: S101 -- it is one of many
        return many.field.resolve(records, info, **arguments)


def _items(outcome: Any, many: Many) -> Sequence[Any]:
    if outcome is None:
        return ()
    if not many.listed:
        return (outcome,)
    if type(outcome) is not list:
        raise Unproven
    return outcome
