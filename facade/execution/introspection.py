"""A validation rule that refuses introspection."""

from typing import Any

from graphql import FieldNode, GraphQLError
from graphql.validation import ValidationRule

ROOTS = frozenset({"__schema", "__type", "_service"})


class NoIntrospection(ValidationRule):
    """Refuses `__schema`, `__type` and federation's `_service`, whose `sdl` says the same."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self.context.get_parent_type()
        if node.name.value in ROOTS and parent is self.context.schema.query_type:
            self.report_error(GraphQLError(f"Introspection is disabled, so {node.name.value} is not available.", node))
