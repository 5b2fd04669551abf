"""`Outcome`: the result of an operation, and its answer as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError

from ..graph.large import Large
from .incremental import Later


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an operation. `executed` is false for a request error: nothing ran, and there is no `data`.

    Data of a run with `written` holds `orjson.Fragment`s, which only `chunks` can write.
    """

    executed: bool
    data: dict[str, Any] | None
    errors: list[GraphQLError]
    large: Large | None = None
    # The later parts, if this is the first of several. The caller closes it.
    later: Later | None = None
    # Notes about the data, for `extensions.notes`.
    notes: Sequence[Mapping[str, Any]] = ()
    # For an event of a subscription: the id to resume after, and whether the subscription was resumed.
    cursor: str | None = None
    resumed: bool | None = None
    # For an event: the position in the log up to which whoever has it has all changes.
    position: int = 0
    # The cost in points and its limit, for a transport without headers.
    cost: tuple[int, int] | None = None
    # The answer as JSON, if it is written already.
    written: Sequence[bytes] = ()

    def chunks(self) -> list[bytes]:
        """Return the response map as JSON: one chunk, or several for a large answer."""
        if self.written:
            return list(self.written)
        whole = orjson.dumps(self.as_json())
        return self.large.within(whole) if self.large else [whole]

    def as_json(self) -> dict[str, Any]:
        """Return the response map (GraphQL specification, section 7)."""
        answer: dict[str, Any] = {}
        if self.errors:
            answer["errors"] = [error.formatted for error in self.errors]
        if self.executed:
            answer["data"] = self.data
        extensions: dict[str, Any] = {}
        if self.notes:
            extensions["notes"] = self.notes
        if self.cursor is not None:
            extensions["id"] = self.cursor
        if self.resumed is not None:
            extensions["resumed"] = self.resumed
        if self.cost is not None:
            extensions["cost"] = dict(zip(("points", "limit"), self.cost, strict=True))
        if extensions:
            answer["extensions"] = extensions
        if self.later:
            answer |= self.later.announced()
        return answer
