"""Bulk execution that writes lists of records as JSON directly."""

import asyncio
from typing import Any

import msgspec
from graphql import GraphQLList
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import AwaitableOrValue, Path

from ..graph.record_fields import Unread
from ..graph.selection import ResolveInfo
from ..loaders import BudgetSpent
from .batch_projection import Attempt
from .executor import BulkExecutor
from .plan import Plan


class WritingExecutor(BulkExecutor):
    """Puts `orjson.Fragment`s into the data for lists of records. Such data can only be written by orjson."""

    writes = (True, False)

    def complete_list_value(
        self,
        return_type: GraphQLList[Any],
        field_details_list: FieldDetailsList,
        info: ResolveInfo,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> AwaitableOrValue[list[Any]]:
        if type(result) is Unread and result.parts and position_context is None:
            plan = self._plan_of_items(return_type, field_details_list)
            if plan and not plan.rest:
                return self._listed_in_parts(plan, result, return_type, field_details_list, info, path)
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)

    async def _listed_in_parts(
        self,
        plan: Plan,
        records: Unread,
        return_type: GraphQLList[Any],
        details: FieldDetailsList,
        info: ResolveInfo,
        path: Path,
    ) -> Any:
        """Complete a list as `complete_list_value` does, without all of its records in memory at once."""
        assert records.parts is not None  # noqa: S101 -- see the caller
        chunks: list[bytes] = []
        try:
            for part in records.parts(plan.reads):
                self._count(return_type, part, None)
                made = await self._lists.project(plan.of(type(part[0])), part, [1] * len(part), Attempt(written=True))
                json = msgspec.json.encode(made)
                if budget := self._budget:
                    budget.wrote(len(json))
                chunks.append(b"".join((b",", memoryview(json)[1:-1])))
                # Yield to the event loop.
                await asyncio.sleep(0)
            return self.context_value.large.put(chunks)
        except BudgetSpent:
            raise
        except Exception:  # noqa: BLE001 -- as above
            chunks.clear()
        completed = self.complete_list_value(return_type, details, info, path, list(records), None)
        return await completed if self.is_awaitable(completed) else completed

    def _listed(self, plan: Plan, records: list[Any]) -> Any:
        try:
            json = msgspec.json.encode(plan.structs(records, self._times))
        except Exception:  # noqa: BLE001 -- as above; and of what it may not write, the maps may do
            return self._projected(plan, records)
        return self._written(json)
