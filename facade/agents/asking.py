"""Run operations for tools, through the engine that answers `/graphql`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graphql import OperationType

from .. import tracing
from ..auth import Caller
from ..causes import grouped
from ..execution import Engine
from ..graph import Context
from ..loaders import Services
from ..upstream import ReadLog

# Most errors that are reported beside data.
MOST_ERRORS = 3


class Refused(Exception):  # noqa: N818 -- named for what happened
    """A tool cannot answer. The message is for the assistant."""


@dataclass
class Asker:
    """Runs operations for one call of a tool."""

    engine: Engine
    services: Services
    caller: Caller
    request_id: str
    timeout: float | None = None
    # The URL of the facade for the caller; None over stdio.
    address: str | None = None
    read_log: ReadLog = field(init=False)
    notes: list[str] = field(default_factory=list)
    cost: int = 0
    codes: set[str] = field(default_factory=set)
    # Data for the application that shows the answer, not for the model.
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.read_log = ReadLog(deadline=None if self.timeout is None else time.monotonic() + self.timeout)

    @property
    def now(self) -> datetime:
        return self.services.upstream.now()

    async def ask(self, text: str, variables: Mapping[str, Any] | None = None, operation: str | None = None) -> Any:
        """Return the data of a query. Raises `Refused` for other operations, and if there is no data."""
        document = self.engine.document(text)
        kind = document.operation_type(operation)
        if kind is not None and kind is not OperationType.QUERY:
            raise Refused(f"Assistants may only read: this is a {kind.value}, and only a query is run.")
        context = Context(self.services, self.caller, self.read_log, self.request_id)
        with tracing.span("query", attributes={"graphql.operation.type": "query"}) as span:
            try:
                outcome = await self.engine.run(document, variables, operation, context, whole=True)
            finally:
                context.close()
                self.cost += context.budget.cost
            causes = grouped(outcome.errors)
            self.codes |= {cause.code for cause in causes}
            if outcome.errors:
                span.failed(causes[0].code)
        if outcome.data is None or (all(value is None for value in outcome.data.values()) and outcome.errors):
            raise Refused("; ".join(cause.line() for cause in causes[:MOST_ERRORS]))
        self.notes += [f"Not all was read: {cause.line()}" for cause in causes[:MOST_ERRORS]]
        self.notes += [str(note["message"]) for note in outcome.notes]
        return outcome.data
