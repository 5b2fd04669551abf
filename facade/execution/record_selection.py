"""The selections of records, as projections are compiled for."""

from typing import NamedTuple

from graphql import GraphQLOutputType

from ..graph.record_fields import RecordShape


class SelectedField(NamedTuple):
    """A field of a selection. Without an `accessor` it is `__typename`, or, without a `type` too, filled in elsewhere.

    The value of a `given` field is passed in for each record.
    """

    name: str
    # The attribute or index of the record.
    accessor: str | int | None = None
    type: GraphQLOutputType | None = None
    below: "RecordSelection | None" = None
    given: bool = False


class RecordSelection(NamedTuple):
    """The selected fields of a type's records. Comparable, so that equal selections are compiled once."""

    type_name: str
    shape: RecordShape
    fields: tuple[SelectedField, ...]

    def size(self) -> int:
        return sum(1 + (field.below.size() if field.below else 0) for field in self.fields)

    def reads(self) -> frozenset[str]:
        """Return the attributes of a record that are read."""
        return frozenset(field.accessor for field in self.fields if isinstance(field.accessor, str))
