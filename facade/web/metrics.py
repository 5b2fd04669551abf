"""Metrics for Prometheus at `/metrics`."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from .. import tracing
from ..live.hub import LiveCounts
from .cache_headers import NEVER_KEPT
from .gauges import Gauges
from .worker_metrics import of_all_workers

LabelledMetric = TypeVar("LabelledMetric", Counter, Histogram)

# No `_created` series: they would double the number of series for a time that no one uses.
disable_created_metrics()  # type: ignore[no-untyped-call]

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"})
MOST_UNCOUNTED = 500
# Seconds after which counts of this process are in the files that other workers read.
SETTLED_EVERY = 1.0
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of this process. Labels have a fixed set of values: no path, name or id that a client wrote."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.gauges = Gauges(self.registry)
        self._uncounted: list[tuple[str, str, int, float, str, int, str | None]] = []
        # Bounded, since labels have a fixed set of values.
        self._children: dict[tuple[object, tuple[str, ...]], Any] = {}
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = Counter(
            "facade_http_requests",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "facade_http_request_seconds",
            "How long requests took.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._operations = Counter(
            "facade_operations",
            "GraphQL operations by type and by how they ended: ok, partial (with errors) or refused (nothing ran).",
            ("type", "outcome"),
            registry=self.registry,
        )
        self._cache = Counter(
            "facade_cache_answers",
            "Answers by X-Cache: HIT, MISS, STALE or BYPASS.",
            ("status",),
            registry=self.registry,
        )
        self._points = Counter("facade_operation_points", "What operations cost, in points.", registry=self.registry)
        self._calls = Counter(
            "facade_upstream_calls",
            "Calls upstream by path template and outcome: ok, or an error code.",
            ("path", "outcome"),
            registry=self.registry,
        )
        self._call_seconds = Histogram(
            "facade_upstream_call_seconds",
            "How long calls upstream took.",
            ("path",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._retries = Counter(
            "facade_upstream_retries", "Calls upstream that were made again.", ("path",), registry=self.registry
        )
        self._waits = Histogram(
            "facade_upstream_wait_seconds",
            "How long calls waited for one of FACADE_UPSTREAM_CONCURRENCY slots.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._errors = Counter(
            "facade_operation_errors",
            "Errors in answers by code, one for each place in the answer.",
            ("code",),
            registry=self.registry,
        )
        self._legacy = Counter(
            "facade_legacy_calls",
            "Calls of the REST API by path template, the operation that replaces them, and class of status.",
            ("path", "operation", "status"),
            registry=self.registry,
        )
        self._replays = Counter(
            "facade_shadow_replays",
            "REST calls run again as GraphQL operations, by path and outcome.",
            ("path", "outcome"),
            registry=self.registry,
        )
        self._differences = Counter(
            "facade_shadow_differences",
            "Fields in which a REST answer and its GraphQL operation's differed, once for each replay.",
            ("path", "field"),
            registry=self.registry,
        )

        self._exports = Counter(
            "facade_exports",
            "Exports by format and by how they ended: ok, partial (cut by an error) or left (by the client).",
            ("format", "outcome"),
            registry=self.registry,
        )
        self._exported = {
            name: Counter(f"facade_export_{name}", what, ("format",), registry=self.registry)
            for name, what in (
                ("rows", "Rows read for exports."),
                ("calls", "Calls upstream made for exports."),
                ("bytes", "Bytes of files sent, or parts of files."),
            )
        }

    def _child(self, metric: LabelledMetric, *labels: str) -> LabelledMetric:
        """Return a memoised child, since the library's `labels` takes as long as the counting itself."""
        child: LabelledMetric | None = self._children.get((metric, labels))
        if child is None:
            child = self._children[metric, labels] = metric.labels(*labels)
        return child

    def request(self, route: str, method: str, status: int, seconds: float, cache: str | None) -> None:
        self._child(self._requests, route, method if method in METHODS else "other", str(status)).inc()
        trace = tracing.sampled_id()
        self._child(self._seconds, route).observe(seconds, {"trace_id": trace} if trace else None)
        if cache is not None:
            self._child(self._cache, cache).inc()

    def cache_hit(
        self, route: str, method: str, status: int, seconds: float, type_: str, points: int, trace: str | None = None
    ) -> None:
        """Note an operation that the response cache answered.

        It is counted later, since counting with the library's locks takes longer than the lookup of the answer.
        """
        self._uncounted.append((route, method, status, seconds, type_, points, trace))
        if len(self._uncounted) >= MOST_UNCOUNTED:
            self.count_cache_hits()

    def count_cache_hits(self) -> None:
        hits, self._uncounted = self._uncounted, []
        alike: dict[tuple[str, str, int, str], list[int]] = {}
        for route, method, status, seconds, type_, points, trace in hits:
            self._child(self._seconds, route).observe(seconds, {"trace_id": trace} if trace else None)
            alike.setdefault((route, method, status, type_), []).append(points)
        for (route, method, status, type_), points_of_each in alike.items():
            self._child(self._requests, route, method, str(status)).inc(len(points_of_each))
            self._child(self._cache, "HIT").inc(len(points_of_each))
            self._child(self._operations, type_, "ok").inc(len(points_of_each))
            self._points.inc(sum(points_of_each))

    def operation(self, type_: str, outcome: str, points: int) -> None:
        self._child(self._operations, type_, outcome).inc()
        self._points.inc(points)

    def failed(self, code: str, count: int) -> None:
        """Note errors of one code in an answer. The codes are listed in docs/using.md."""
        self._child(self._errors, code).inc(count)

    def waited(self, seconds: float) -> None:
        self._waits.observe(seconds)

    def retried(self, path: str) -> None:
        self._child(self._retries, path).inc()

    def exchanged(self, path: str, outcome: str, seconds: float) -> None:
        """Note a call upstream. `path` is the endpoint's path template."""
        self._child(self._calls, path, outcome).inc()
        trace = tracing.sampled_id()
        self._child(self._call_seconds, path).observe(seconds, {"trace_id": trace} if trace else None)

    def exported(self, format_: str, outcome: str, **counts: int) -> None:
        """Note the end of an export, with its `rows`, `calls` and `bytes`."""
        self._child(self._exports, format_, outcome).inc()
        for name, count in counts.items():
            self._child(self._exported[name], format_).inc(count)

    def legacy(self, path: str, operation: str, status: str) -> None:
        """Note a legacy call. `path` is a path template, `status` a class such as 2xx."""
        self._legacy.labels(path, operation, status).inc()

    def replayed(self, path: str, outcome: str, fields: Iterable[str] = ()) -> None:
        """Note a replay. `fields` are names of the API's fields, never a client's own names."""
        self._replays.labels(path, outcome).inc()
        for field in fields:
            self._differences.labels(path, field).inc()

    def live(self, counts: Callable[[], LiveCounts | None]) -> None:
        """Add the counts of subscriptions, read at each scrape."""
        self.gauges.of_live(counts)

    def settle(self) -> None:
        """Count what was noted, and read the gauges, so that other workers' `/metrics` include them."""
        self.count_cache_hits()
        self.gauges.read()

    async def run(self) -> None:
        while True:
            self.settle()
            await asyncio.sleep(SETTLED_EVERY)

    async def endpoint(self, request: Request) -> Response:
        """Answer in Prometheus' text format, or in OpenMetrics with exemplars if the client asks for it."""
        self.settle()
        written, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(
            written(of_all_workers() or self.registry), headers={**NEVER_KEPT, "Content-Type": content_type}
        )
