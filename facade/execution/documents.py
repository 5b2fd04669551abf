"""A cache of parsed documents by their text, bounded in bytes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, OperationType, get_operation_ast

from ..cache import Bounded

# Bytes: a dozen documents of the greatest size allowed, or some hundreds of usual size.
KEPT = 24 * 1024**2
# Bytes of the nodes and positions of one token.
BYTES_A_TOKEN = 600
BYTES_A_DOCUMENT = 6144


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A parsed document, or the errors that it has."""

    ast: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()
    # Whether a field of it costs upstream calls, so that its cost must be estimated.
    costly: bool = False
    # The document without `@defer` and `@stream`, if it has any.
    whole: DocumentNode | None = None
    # The selected fields by operation, computed when usage is counted.
    selected: dict[str | None, Any] = field(default_factory=dict, compare=False)

    @property
    def puts_off(self) -> bool:
        """Return whether the document has `@defer` or `@stream`."""
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
    """Parses each text once by `parse`. The least recently used documents are evicted first."""

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
        """Return the estimated bytes of the kept documents."""
        return self._known.used
