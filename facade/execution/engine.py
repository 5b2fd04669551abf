"""`Engine`: parses and validates a request's text, once for each text, and executes it."""

from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import ExitStack, aclosing
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from graphql.execution import Executor, create_source_event_stream, execute_subscription_event

from ..graph.context import Context
from ..graph.subscribers import Pushed
from ..live import Fanout
from ..loaders import Budget
from .cost import excess, is_costly, operation_cost
from .documents import Documents, ParsedDocument
from .errors import formatted
from .executor import BulkExecutor
from .field_names import OperationFields, operation_fields
from .incremental import comes_in_parts, execute_in_parts, has_directives, undivided
from .introspection import NoIntrospection
from .limits import Limits, exceeded, too_long
from .outcome import Outcome
from .parts_executor import PartsExecutor
from .writing_executor import WritingExecutor
from .written_events import Audience, SharedAnswer, WrittenEvents

# What is run: a document, its variables, and the name of one of its operations.
Asked = tuple[ParsedDocument, Mapping[str, Any] | None, str | None]


class Engine:
    """Executes operations against one schema."""

    def __init__(self, schema: GraphQLSchema, *, limits: Limits | None = None, introspection: bool = True) -> None:
        self.schema = schema
        self._limits = limits or Limits()
        self._introspection = introspection
        self._rules = specified_rules if introspection else (*specified_rules, NoIntrospection)
        self.document = Documents(self._document)
        self._events = WrittenEvents()
        # Whether the schema has `@defer` and `@stream`.
        self.has_parts = schema.get_directive("stream") is not None

    @property
    def cost_limit(self) -> int:
        """Return how many points an operation may cost."""
        return self._limits.cost

    @property
    def limits(self) -> dict[str, int]:
        """Return the limits of an operation by name."""
        return asdict(self._limits)

    def selected(self, document: ParsedDocument, text: str, operation: str | None) -> OperationFields:
        """Return what an operation selects, for usage counts. `text` is the document's text."""
        return operation_fields(self.schema, document, text, operation)

    def _document(self, query: str) -> ParsedDocument:
        try:
            ast = parse(query, max_tokens=self._limits.tokens, allow_empty_selection_sets=False)
        except GraphQLError as error:
            long = too_long(error, self._limits)
            return ParsedDocument(None, (long or formatted(error, request_id="", default="GRAPHQL_PARSE_FAILED"),))
        # Limits come before validation, which can be made to take very long by a malicious document.
        if refusal := exceeded(ast, self._limits):
            return ParsedDocument(ast, (refusal,))
        errors = validate(self.schema, ast, self._rules, max_errors=20, hide_suggestions=not self._introspection)
        return ParsedDocument(
            ast,
            tuple(formatted(error, request_id="", default="GRAPHQL_VALIDATION_FAILED") for error in errors),
            costly=not errors and is_costly(ast),
            whole=undivided(ast) if not errors and has_directives(ast) else None,
        )

    def comes_in_parts(
        self, document: ParsedDocument, variables: Mapping[str, Any] | None, operation: str | None
    ) -> bool:
        """Return whether the outcome of `run` may have more parts (`later`)."""
        chosen = document.operation(operation)
        if not document.puts_off or document.ast is None or chosen is None:
            return False
        return comes_in_parts(document.ast, chosen, variables)

    def told_cost(self, document: ParsedDocument, variables: Mapping[str, Any] | None, operation: str | None) -> int:
        """Estimate the points of an operation from its document; for a subscription, those of each poll."""
        chosen = document.operation(operation) if document.ast and document.costly else None
        if document.ast is None or chosen is None:
            return 0
        return operation_cost(document.ast, chosen, variables, datetime.now(UTC))

    async def run(
        self,
        document: ParsedDocument,
        variables: Mapping[str, Any] | None,
        operation: str | None,
        context: Context,
        *,
        written: bool = False,
        whole: bool = False,
    ) -> Outcome:
        """Execute an operation. Faults of the client or the upstream are errors in the outcome, not exceptions.

        With `written`, lists of records are JSON already: only orjson can use such an outcome. With `whole`, `@defer`
        and `@stream` are ignored.
        """
        if document.ast is None or document.errors:
            return Outcome(False, None, list(document.errors))
        chosen = document.operation(operation)
        if chosen is None:
            return Outcome(False, None, [_no_operation(document.ast, operation)])
        context.budget = Budget(self._limits.cost, context.services.upstream.now)
        if document.costly:
            now, limit = context.budget.now(), self._limits.cost
            if refusal := excess(document.ast, chosen, variables, limit=limit, now=now):
                return Outcome(False, None, [refusal])
        in_parts = document.puts_off and not whole
        executor_class = PartsExecutor if in_parts else WritingExecutor if written else BulkExecutor
        executor = executor_class.build(
            self.schema,
            document.ast if in_parts else document.whole or document.ast,
            context_value=context,
            raw_variable_values=dict(variables) if variables else None,
            operation_name=operation,
            hide_suggestions=not self._introspection,
        )
        result, later = await execute_in_parts(executor, context)
        if context.budget.overdrawn:
            if later:
                await later.aclose()
            refused = context.budget.overdrawn
            return Outcome(True, None, [GraphQLError(str(refused), extensions=refused.extensions)])
        errors = result.errors or []
        if result.data is None and errors and all(error.path is None for error in errors):
            # The variables are invalid, so nothing was executed.
            return Outcome(
                False,
                None,
                [formatted(error, request_id=context.request_id, default="BAD_USER_INPUT") for error in errors],
            )
        formatted_ = [formatted(error, request_id=context.request_id) for error in errors]
        return Outcome(True, result.data, formatted_, context.large, later, context.notes.entries())

    async def subscribe(
        self, document: ParsedDocument, variables: Mapping[str, Any] | None, operation: str | None, context: Context
    ) -> AsyncGenerator[Outcome, None]:
        """Run a subscription: yield an outcome for each event, or one with the errors that prevent it.

        The last outcome may be the error that ended it. Faults of the client or the upstream are not raised.
        """
        if document.ast is None or document.errors:
            yield Outcome(False, None, list(document.errors))
            return
        chosen = document.operation(operation)
        if chosen is None:
            yield Outcome(False, None, [_no_operation(document.ast, operation)])
            return
        context.budget = Budget(self._limits.cost, context.services.upstream.now)
        if document.costly:
            now, limit = context.budget.now(), self._limits.cost
            if refusal := excess(document.ast, chosen, variables, limit=limit, now=now):
                yield Outcome(False, None, [refusal])
                return
        executor = WritingExecutor.build(
            self.schema,
            document.ast,
            context_value=context,
            raw_variable_values=dict(variables) if variables else None,
            operation_name=operation,
            hide_suggestions=not self._introspection,
        )
        if isinstance(executor, list):
            yield Outcome(False, None, [self._formatted(error, context, "BAD_USER_INPUT") for error in executor])
            return
        source = create_source_event_stream(executor)
        if executor.is_awaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            yield Outcome(False, None, [self._formatted(error, context) for error in source.errors or ()])
            return
        events = cast(AsyncGenerator[Pushed, None], source)
        async with aclosing(self._answers(events, executor, (document, variables, operation), context)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    async def _answers(
        self, source: AsyncGenerator[Pushed, None], executor: Executor[Any], asked: Asked, context: Context
    ) -> AsyncGenerator[Outcome, None]:
        scope = context.caller.scope if context.caller else ""
        with self._events.audience(*asked, scope) as audience, ExitStack() as stack:
            if context.take is not None and context.caller is not None:
                run = partial(self._read_for_all, asked, context.of_source())
                context.fanout = stack.enter_context(audience.fanned_out(context.caller.flight, run))
            async with aclosing(source) as events:
                while True:
                    try:
                        pushed = await anext(events)
                    except StopAsyncIteration:
                        return
                    except Exception as error:  # noqa: BLE001 -- one that is nobody's to read is masked and logged
                        located = (
                            error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
                        )
                        yield Outcome(False, None, [self._formatted(located, context)])
                        return
                    if not context.is_source_for_nobody:
                        yield await self._answer(audience, pushed, executor, context)

    async def _answer(self, audience: Audience, pushed: Pushed, executor: Executor[Any], context: Context) -> Outcome:
        # `resumed` differs between subscriptions, so such an event is not shared.
        event = pushed.key if pushed.resumed is None else None
        outcome = self._events.written(audience, event)
        if outcome is None:
            return await self._events.answer(audience, event, partial(self._executed, executor, pushed, context))
        # The calls of the event before are counted.
        context.renew()
        return outcome

    async def _read_for_all(self, asked: Asked, context: Context, fanout: Fanout) -> None:
        """Give each answer of a subscription to all who follow it."""
        context.fanout = fanout
        try:
            async with aclosing(self.subscribe(*asked, context)) as outcomes:
                async for outcome in outcomes:
                    if outcome.errors:
                        # They name the request, so each makes its own.
                        fanout.part_all()
                    else:
                        answer = SharedAnswer(outcome, context.budget.cost, context.read_log.calls)
                        await fanout.give(answer, outcome.position)
        finally:
            context.close()

    def _executed(self, executor: Executor[Any], pushed: Pushed, context: Context) -> Outcome | Awaitable[Outcome]:
        context.renew()
        context.budget = Budget(self._limits.cost, context.services.upstream.now)
        result = execute_subscription_event(executor.build_per_event_executor(pushed.value()))

        def outcome_of(result: Any) -> Outcome:
            assert isinstance(result, ExecutionResult)  # noqa: S101 -- parts are for queries
            errors = [self._formatted(error, context) for error in result.errors or ()]
            cursor = pushed.cursor()
            return Outcome(
                True,
                result.data,
                errors,
                context.large,
                None,
                context.notes.entries(),
                cursor,
                pushed.resumed,
                pushed.position,
            )

        async def awaited(result: Awaitable[Any]) -> Outcome:
            return outcome_of(await result)

        return awaited(result) if executor.is_awaitable(result) else outcome_of(result)

    @staticmethod
    def _formatted(error: GraphQLError, context: Context, default: str = "INTERNAL_SERVER_ERROR") -> GraphQLError:
        return formatted(error, request_id=context.request_id, default=default)


def _no_operation(ast: DocumentNode, name: str | None) -> GraphQLError:
    names = [
        definition.name.value if definition.name else "(anonymous)"
        for definition in ast.definitions
        if isinstance(definition, OperationDefinitionNode)
    ]
    message = (
        f"There is no operation {name!r} in the document; it has: {', '.join(names) or 'none'}."
        if name
        else f"Say which operation to run (operationName): the document has {', '.join(names) or 'none'}."
    )
    return GraphQLError(message, extensions={"code": "GRAPHQL_VALIDATION_FAILED"})
