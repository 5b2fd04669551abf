"""Incremental delivery: the parts that `@defer` and `@stream` send after the first, in graphql-core's format."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from graphql import (
    REMOVE,
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLDeferDirective,
    GraphQLError,
    GraphQLStreamDirective,
    OperationDefinitionNode,
    Visitor,
    visit,
)
from graphql.execution import (
    Executor,
    ExperimentalIncrementalExecutionResults,
    SubsequentIncrementalExecutionResult,
)

from ..graph.context import Context
from ..graph.selection import fragments_of, is_on, selections
from .cost import values_of
from .errors import formatted

DIRECTIVES = frozenset({GraphQLDeferDirective.name, GraphQLStreamDirective.name})


def has_directives(document: DocumentNode) -> bool:
    """Return whether a document has `@defer` or `@stream` anywhere, whatever their `if` says."""
    waiting: list[Any] = list(document.definitions)
    while waiting:
        node = waiting.pop()
        if any(directive.name.value in DIRECTIVES for directive in getattr(node, "directives", None) or ()):
            return True
        if selection_set := getattr(node, "selection_set", None):
            waiting.extend(selection_set.selections)
    return False


class _Undivided(Visitor):
    def enter_directive(self, node: DirectiveNode, *_: Any) -> Any:
        return REMOVE if node.name.value in DIRECTIVES else None


def undivided(document: DocumentNode) -> DocumentNode:
    """Return a document without `@defer` and `@stream`, so that its answer is one part."""
    whole: DocumentNode = visit(document, _Undivided())
    return whole


def comes_in_parts(
    document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None
) -> bool:
    """Return whether an operation, by its document and variables, defers or streams anything."""
    fragments = fragments_of(document)
    values = values_of(operation, variables or {})
    waiting = [operation.selection_set]
    while waiting:
        # Each fragment is opened once in the whole operation.
        for selection in selections([waiting.pop()], lambda name: fragments.pop(name, None), values):
            if is_on(selection, DIRECTIVES, values):
                return True
            if isinstance(selection, FieldNode) and selection.selection_set:
                waiting.append(selection.selection_set)
    return False


class Later:
    """The later parts of an answer. Their execution does not begin before they are asked for."""

    def __init__(self, results: ExperimentalIncrementalExecutionResults, context: Context) -> None:
        self._results = results.subsequent_results
        self._context = context
        self._pending = [each.formatted for each in results.initial_result.pending]
        self._open = {each["id"] for each in self._pending}
        # The errors of all parts so far.
        self.errors: list[GraphQLError] = []

    def announced(self) -> dict[str, Any]:
        """Return what the first part says about the later ones."""
        return {"pending": self._pending, "hasNext": True}

    async def parts(self) -> AsyncIterator[dict[str, Any]]:
        """Yield each part as a map for JSON. Only the last has `hasNext` false."""
        async for result in self._results:
            if self._context.budget.overdrawn:
                refused = self._context.budget.overdrawn
                yield self.cut_short(GraphQLError(str(refused), extensions=refused.extensions))
                return
            yield self._part(result)

    def cut_short(self, error: GraphQLError) -> dict[str, Any]:
        """Return a last part that ends everything still pending with an error."""
        self.errors.append(error)
        ended = [{"id": id_, "errors": [error.formatted]} for id_ in sorted(self._open, key=int)]
        self._open.clear()
        return {"completed": ended, "hasNext": False}

    async def aclose(self) -> None:
        await self._results.aclose()

    def _part(self, result: SubsequentIncrementalExecutionResult) -> dict[str, Any]:
        part: dict[str, Any] = dict(result.formatted)
        self._open |= {each.id for each in result.pending or ()}
        self._open -= {each.id for each in result.completed or ()}
        for name, results in (("incremental", result.incremental), ("completed", result.completed)):
            if results and any(each.errors for each in results):
                part[name] = [self._with_errors(each) for each in results]
        return part

    def _with_errors(self, result: Any) -> dict[str, Any]:
        written: dict[str, Any] = dict(result.formatted)
        if result.errors:
            errors = [formatted(error, request_id=self._context.request_id) for error in result.errors]
            self.errors += errors
            written["errors"] = [error.formatted for error in errors]
        return written


async def execute_in_parts(
    executor: Executor[Any] | list[GraphQLError], context: Context
) -> tuple[ExecutionResult, Later | None]:
    """Return the first part, and the later ones if there are any."""
    if isinstance(executor, list):
        return ExecutionResult(None, errors=executor), None
    result = executor.execute_operation()
    if executor.is_awaitable(result):
        result = await result
    if isinstance(result, ExecutionResult):
        return result, None
    assert isinstance(result, ExperimentalIncrementalExecutionResults)  # noqa: S101 -- there are two kinds
    first = result.initial_result
    return ExecutionResult(first.data, first.errors), Later(result, context)
