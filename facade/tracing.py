"""Spans, for those parts of the package that make them. It depends on nothing: `otel.py` says what a span does.

Without a tracer a span costs the call that asks for it, and an answer given again a look whether there is one.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

Kind = Literal["server", "client", "internal"]
Value = str | int | float | bool
Attributes = Mapping[str, Value | None]


class TraceSpan(Protocol):
    def set(self, attributes: Attributes) -> None:
        """Add attributes; those that are None are left out."""

    def failed(self, code: str) -> None: ...


class Tracer(Protocol):
    # Whether the text of documents, and the bodies of calls, are written to their spans.
    documents: bool

    def span(
        self, name: str, kind: Kind, attributes: Attributes, parent: Mapping[str, str] | None
    ) -> AbstractContextManager[TraceSpan]: ...

    def hit(self, name: str, seconds: float, attributes: Attributes, parent: Mapping[str, str] | None) -> str | None:
        """Note an answer that was given again; return its trace's id where it is sampled."""

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
    """Let `tracer` make this process's spans; None: there are none."""
    global _tracer  # noqa: PLW0603 -- one a process, as the SDK's own provider is
    _tracer = tracer


def tracer() -> Tracer | None:
    return _tracer


def span(
    name: str, kind: Kind = "internal", attributes: Attributes | None = None, *, parent: Mapping[str, str] | None = None
) -> AbstractContextManager[TraceSpan]:
    """A span around a block. `parent` are the headers of a caller, which may bring its `traceparent`."""
    return _NO_SPAN if _tracer is None else _tracer.span(name, kind, attributes or {}, parent)


def ids() -> dict[str, str]:
    """`trace_id` and `span_id` of the span under way; empty where there is none."""
    return {} if _tracer is None else _tracer.ids()


def sampled_id() -> str | None:
    """The id of the trace under way, where it is kept."""
    return None if _tracer is None else _tracer.sampled_id()


def outgoing() -> dict[str, str]:
    """The headers that tell the upstream which span its call belongs to."""
    return {} if _tracer is None else _tracer.outgoing()
