"""`Outcome`: what an operation came to, and its answer as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError

from ..graph.large import Large
from .incremental import Later


@dataclass(frozen=True, slots=True)
class Outcome:
    """`executed` is false for a request error: nothing ran, and there is no `data`.

    Data that was asked for `written` has `orjson.Fragment`s in it: `chunks` alone can do anything with them.
    """

    executed: bool
    data: dict[str, Any] | None
    errors: list[GraphQLError]
    large: Large | None = None
    # Where this is but the first part. Whoever gets it closes it.
    later: Later | None = None
    # What is to be known of the data, as `extensions.notes`.
    notes: Sequence[Mapping[str, Any]] = ()
    # Of an event of a subscription: what the subscription can be resumed by, and whether it was.
    cursor: str | None = None
    resumed: bool | None = None
    # Points, and how many an operation may cost: over a transport without headers.
    cost: tuple[int, int] | None = None
    # The answer, where it is written already.
    written: Sequence[bytes] = ()

    def chunks(self) -> list[bytes]:
        """The response map as JSON, in one chunk but for what is large."""
        if self.written:
            return list(self.written)
        whole = orjson.dumps(self.as_json())
        return self.large.within(whole) if self.large else [whole]

    def as_json(self) -> dict[str, Any]:
        """The response map of the GraphQL specification, section 7."""
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
