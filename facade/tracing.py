"""The interface for spans, without dependencies. `otel.py` implements it.

Without a tracer a span costs one function call, and a cached response only a check for a tracer.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

Kind = Literal["server", "client", "internal"]
Value = str | int | float | bool
Attributes = Mapping[str, Value | None]


class TraceSpan(Protocol):
    def set(self, attributes: Attributes) -> None:
        """Add attributes, except those that are None."""

    def failed(self, code: str) -> None: ...


class Tracer(Protocol):
    # Whether spans have the texts of documents and the bodies of calls.
    documents: bool

    def span(
        self, name: str, kind: Kind, attributes: Attributes, parent: Mapping[str, str] | None
    ) -> AbstractContextManager[TraceSpan]: ...

    def hit(self, name: str, seconds: float, attributes: Attributes, parent: Mapping[str, str] | None) -> str | None:
        """Record a cached response. Return its trace id if it is sampled."""

    def ids(self) -> dict[str, str]: ...

    def sampled_id(self) -> str | None: ...

    def outgoing(self) -> dict[str, str]: ...

    def close(self) -> None: ...


class _Nothing:
    def set(self, attributes: Attributes) -> None:
        pass

    def failed(self, code: str) -> None:
        pass


_NO_SPAN: AbstractContextManager[TraceSpan] = nullcontext(_Nothing())
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Set the tracer of this process. None: no spans."""
    global _tracer  # noqa: PLW0603 -- one a process, as the SDK's own provider is
    _tracer = tracer


def tracer() -> Tracer | None:
    return _tracer


def span(
    name: str, kind: Kind = "internal", attributes: Attributes | None = None, *, parent: Mapping[str, str] | None = None
) -> AbstractContextManager[TraceSpan]:
    """Make a span around a block. `parent` are the caller's headers, which may have a `traceparent`."""
    return _NO_SPAN if _tracer is None else _tracer.span(name, kind, attributes or {}, parent)


def ids() -> dict[str, str]:
    """Return `trace_id` and `span_id` of the current span; empty without one."""
    return {} if _tracer is None else _tracer.ids()


def sampled_id() -> str | None:
    """Return the id of the current trace if it is sampled."""
    return None if _tracer is None else _tracer.sampled_id()


def outgoing() -> dict[str, str]:
    """Return the headers that pass the current span to the upstream."""
    return {} if _tracer is None else _tracer.outgoing()
