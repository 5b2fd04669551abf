"""Documents kept parsed, by their text, within a bound of memory."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, OperationType, get_operation_ast

# Bytes. A hundred documents as large as they may be, or some thousands as they are.
KEPT = 128 * 1024**2
# What a token's nodes and positions take.
BYTES_A_TOKEN = 600
BYTES_A_DOCUMENT = 4096


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
        self._left = kept
        self._known: OrderedDict[str, tuple[ParsedDocument, int]] = OrderedDict()

    def __call__(self, text: str) -> ParsedDocument:
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known[0]
        document = self._parse(text)
        tokens = (document.ast.token_count or 0) if document.ast else 0
        size = 4 * len(text) + tokens * BYTES_A_TOKEN * (2 if document.whole else 1) + BYTES_A_DOCUMENT
        self._known[text] = document, size
        self._left -= size
        while self._left < 0:
            _, (_, freed) = self._known.popitem(last=False)
            self._left += freed
        return document
