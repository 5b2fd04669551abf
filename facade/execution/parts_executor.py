"""Execution of lists with `@stream`."""

from asyncio import ensure_future
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

from graphql import GraphQLNonNull, GraphQLObjectType, GraphQLOutputType, located_error
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.incremental import StreamItemQueue, StreamItemValue, WorkResult
from graphql.pyutils import Path

from ..graph.selection import ResolveInfo
from .executor import PUT_OFF, BulkExecutor
from .plan import Plan

# How many items of a list are completed at once.
TOGETHER = 1000


class PartsExecutor(BulkExecutor):
    """Completes many items of a stream at once, so that what they load is loaded together.

    graphql-core does so only with `enable_early_execution`. That starts deferred parts before the first part is sent,
    and leaves some of them running when the parts are closed early.
    """

    def build_stream_item_queue(
        self,
        initial_index: int,
        stream_path: Path,
        iterator: Iterator[Any] | AsyncIterator[Any],
        field_details_list: FieldDetailsList,
        info: ResolveInfo,
        item_type: GraphQLOutputType,
        is_async: bool,  # noqa: ARG002 -- told by the iterator
    ) -> StreamItemQueue:
        plan = self._plan_of_all(item_type, field_details_list)

        async def produce(queue: StreamItemQueue) -> None:
            index = initial_index
            try:
                async for item in _each(iterator):
                    if budget := self._budget:
                        budget.count(1 if plan else PUT_OFF)
                    projected = self._projected(plan, (item,)) if plan else None
                    if projected:
                        await queue.push(WorkResult(StreamItemValue(projected[0])))
                        index += 1
                        continue
                    path = stream_path.add_key(index, None)
                    executor = self.create_sub_executor()
                    result = executor.complete_stream_item(path, item, field_details_list, info, item_type)
                    await queue.push(result if isinstance(result, WorkResult) else ensure_future(result))
                    index += 1
            except Exception as error:
                nodes = [details.node for details in field_details_list]
                raise located_error(error, nodes, stream_path.as_list()) from error

        async def close(_reason: BaseException | None) -> None:
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()

        return StreamItemQueue(produce, close, capacity=TOGETHER)

    def _plan_of_all(self, item_type: GraphQLOutputType, details: FieldDetailsList) -> Plan | None:
        """Return the plan for items that are records with no field to resolve, else None."""
        if isinstance(item_type, GraphQLNonNull):
            item_type = item_type.of_type
        plan = self._plans.below(item_type, details) if isinstance(item_type, GraphQLObjectType) else None
        return plan if plan and not plan.left else None


async def _each(items: Iterator[Any] | AsyncIterator[Any]) -> AsyncIterator[Any]:
    if isinstance(items, AsyncIterator):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
