"""Documents kept parsed, by their text, within a bound of memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, OperationType, get_operation_ast

from ..cache import Bounded

# Bytes. A dozen documents as large as they may be, or some hundreds as they are.
KEPT = 24 * 1024**2
# What a token's nodes and positions take.
BYTES_A_TOKEN = 600
BYTES_A_DOCUMENT = 6144


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A parsed document, or why it is none."""

    ast: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()
    # Whether a field of it costs upstream calls, so that what it costs has to be told.
    costly: bool = False
    # The same without `@defer` and `@stream`, where it has any of them.
    whole: DocumentNode | None = None
    # By operation, which fields it selects: made when somebody counts them.
    selected: dict[str | None, Any] = field(default_factory=dict, compare=False)

    @property
    def puts_off(self) -> bool:
        """Whether it has `@defer` or `@stream`."""
        return self.whole is not None

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        return get_operation_ast(self.ast, name) if self.ast else None

    def operation_name(self, name: str | None) -> str | None:
        operation = self.operation(name)
        return operation.name.value if operation and operation.name else None

    def operation_type(self, name: str | None) -> OperationType | None:
        operation = self.operation(name)
        return operation.operation if operation else None


class Documents:
    """Calls `parse` for a text that it does not know. The least used go first."""

    def __init__(self, parse: Callable[[str], ParsedDocument], *, kept: int = KEPT) -> None:
        self._parse = parse
        self._known: Bounded[str, ParsedDocument] = Bounded(kept)

    def __call__(self, text: str) -> ParsedDocument:
        document = self._known.get(text)
        if document is None:
            document = self._parse(text)
            tokens = (document.ast.token_count or 0) if document.ast else 0
            size = 4 * len(text) + tokens * BYTES_A_TOKEN * (2 if document.whole else 1) + BYTES_A_DOCUMENT
            self._known.put(text, document, size)
        return document

    @property
    def used(self) -> int:
        """Bytes that the kept documents take, as reckoned."""
        return self._known.used
