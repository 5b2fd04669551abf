"""Spans by OpenTelemetry's SDK, set up by the standard `OTEL_*` variables. Needs the extra `otel`."""

import os
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points, version
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .tracing import Attributes, Kind, TraceSpan

_KINDS = {"server": trace.SpanKind.SERVER, "client": trace.SpanKind.CLIENT, "internal": trace.SpanKind.INTERNAL}
_PROPAGATOR = TraceContextTextMapPropagator()
_SERVICE = "butlr-graphql-facade"


def exporters() -> list[SpanExporter]:
    """Return the exporters that `OTEL_TRACES_EXPORTER` names, by default `otlp`.

    Raises ValueError for one that is not installed.
    """
    found: list[SpanExporter] = []
    for name in _words("OTEL_TRACES_EXPORTER") or ["otlp"]:
        if name == "none":
            continue
        if name == "otlp":
            protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
                "OTEL_EXPORTER_OTLP_PROTOCOL"
            )
            entry_name = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
        else:
            entry_name = name
        entries = [*entry_points(group="opentelemetry_traces_exporter", name=entry_name)]
        if not entries:
            raise ValueError(f"OTEL_TRACES_EXPORTER={name} needs the package that has the exporter {entry_name}")
        found.append(entries[0].load()())
    return found


def _words(name: str) -> list[str]:
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def _ratio() -> tuple[TraceIdRatioBased, bool] | None:
    """Return the sampler by ratio, if one is set, and whether the caller's own sampling decision has precedence."""
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if name not in ("traceidratio", "parentbased_traceidratio"):
        return None
    argument = os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1").strip()
    try:
        return TraceIdRatioBased(float(argument)), name.startswith("parentbased")
    except ValueError:
        raise ValueError(f"OTEL_TRACES_SAMPLER_ARG: {argument!r} is no share between 0 and 1") from None


class _Ids(RandomIdGenerator):
    """Generates random ids. The next trace id may be set, so that the sampler can be asked before there is a span."""

    drawn: int | None = None

    def generate_trace_id(self) -> int:
        drawn, self.drawn = self.drawn, None
        return super().generate_trace_id() if drawn is None else drawn


class _OtelSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, attributes: Attributes) -> None:
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(name, value)

    def failed(self, code: str) -> None:
        self._span.set_attribute("error.type", code)
        self._span.set_status(trace.StatusCode.ERROR)


class OtelTracer:
    """Makes spans, and exports them in batches in the background."""

    def __init__(self, span_exporters: list[SpanExporter], *, documents: bool = False) -> None:
        self.documents = documents
        self._ids = _Ids()
        ratio = _ratio()
        self._bound: int | None = None
        sampler: Sampler | None = None
        if ratio:
            share, by_parent = ratio
            self._bound = share.bound
            sampler = ParentBased(share) if by_parent else share
        resource = Resource.create({"service.version": version("butlr-graphql-facade")})
        if resource.attributes.get("service.name", "unknown_service") == "unknown_service":
            resource = resource.merge(Resource({"service.name": _SERVICE}))
        self._provider = TracerProvider(
            sampler=sampler, resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        for exporter in span_exporters:
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("facade", version("butlr-graphql-facade"))

    @contextmanager
    def span(
        self, name: str, kind: Kind, attributes: Attributes, parent: Mapping[str, str] | None
    ) -> Iterator[TraceSpan]:
        context = _PROPAGATOR.extract(parent, contexts.Context()) if parent is not None else None
        with self._tracer.start_as_current_span(
            name, context, _KINDS[kind], _present(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            yield _OtelSpan(span)

    def hit(self, name: str, seconds: float, attributes: Attributes, parent: Mapping[str, str] | None) -> str | None:
        context = contexts.Context()
        if parent:
            context = _PROPAGATOR.extract(parent, context)
        elif self._bound is not None:
            # The sampler is asked first, since even an unsampled span takes as long as the whole answer.
            drawn = random.getrandbits(128) or 1
            if drawn & TraceIdRatioBased.TRACE_ID_LIMIT >= self._bound:
                return None
            self._ids.drawn = drawn
        now = time.time_ns()
        span = self._tracer.start_span(
            name, context, trace.SpanKind.SERVER, _present(attributes), start_time=now - int(seconds * 1e9)
        )
        span.end(now)
        found = span.get_span_context()
        return trace.format_trace_id(found.trace_id) if found.trace_flags.sampled else None

    def ids(self) -> dict[str, str]:
        found = trace.get_current_span().get_span_context()
        if not found.is_valid:
            return {}
        return {"trace_id": trace.format_trace_id(found.trace_id), "span_id": trace.format_span_id(found.span_id)}

    def sampled_id(self) -> str | None:
        found = trace.get_current_span().get_span_context()
        return trace.format_trace_id(found.trace_id) if found.trace_flags.sampled else None

    def outgoing(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        _PROPAGATOR.inject(headers)
        return headers

    def close(self) -> None:
        """Export the remaining spans. Waits for the exporters."""
        self._provider.shutdown()


def _present(attributes: Attributes) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
