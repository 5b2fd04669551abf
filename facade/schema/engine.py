"""`Engine`: from a request's text to its answer: parsed and validated once, then executed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import isawaitable
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as Executor

from .context import Context
from .errors import formatted

# Documents kept parsed and validated. A text is at most as long as a body may be, so this bounds them.
DOCUMENTS = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """`executed` is false for a request error: nothing ran, and there is no `data`."""

    executed: bool
    data: dict[str, Any] | None
    errors: list[GraphQLError]

    def as_json(self) -> dict[str, Any]:
        """The response map of the GraphQL specification, section 7."""
        answer: dict[str, Any] = {}
        if self.errors:
            answer["errors"] = [error.formatted for error in self.errors]
        if self.executed:
            answer["data"] = self.data
        return answer


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document, or why it is none."""

    ast: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        return get_operation_ast(self.ast, name) if self.ast else None

    def operation_type(self, name: str | None) -> OperationType | None:
        operation = self.operation(name)
        return operation.operation if operation else None


class Engine:
    """Executes operations against one schema."""

    def __init__(self, schema: GraphQLSchema, *, max_tokens: int = 4000) -> None:
        self.schema = schema
        self._max_tokens = max_tokens
        self.document = lru_cache(maxsize=DOCUMENTS)(self._document)

    def _document(self, query: str) -> Document:
        try:
            ast = parse(query, max_tokens=self._max_tokens)
        except GraphQLError as error:
            return Document(None, (formatted(error, request_id="", default="GRAPHQL_PARSE_FAILED"),))
        errors = validate(self.schema, ast, max_errors=20)
        return Document(
            ast,
            tuple(formatted(error, request_id="", default="GRAPHQL_VALIDATION_FAILED") for error in errors),
        )

    async def run(
        self, document: Document, variables: Mapping[str, Any] | None, operation: str | None, context: Context
    ) -> Outcome:
        """Execute an operation. Never raises for what a client or the upstream did."""
        if document.ast is None or document.errors:
            return Outcome(False, None, list(document.errors))
        if document.operation(operation) is None:
            return Outcome(False, None, [_no_operation(document.ast, operation)])
        result = execute(
            self.schema,
            document.ast,
            variable_values=dict(variables) if variables else None,
            operation_name=operation,
            context_value=context,
            executor_class=Executor,
        )
        if isawaitable(result):
            result = await result
        assert isinstance(result, ExecutionResult)  # noqa: S101 -- incremental delivery is not enabled
        errors = result.errors or []
        if result.data is None and errors and all(error.path is None for error in errors):
            # Variables did not fit: nothing ran.
            return Outcome(
                False,
                None,
                [formatted(error, request_id=context.request_id, default="BAD_USER_INPUT") for error in errors],
            )
        return Outcome(True, result.data, [formatted(error, request_id=context.request_id) for error in errors])


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
