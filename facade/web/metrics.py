"""What `/metrics` says to Prometheus."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from ..live.hub import Counts
from .caching import NEVER_KEPT

Labelled = TypeVar("Labelled", Counter, Histogram)

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"})
MOST_UNCOUNTED = 500
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class LiveCollector(Collector):
    """Subscribers, what they were sent, and what newer values took the place of."""

    def __init__(self, counts: Callable[[], Counts | None]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        counts = self._counts()
        if counts is None:
            return
        yield GaugeMetricFamily("facade_live_subscribers", "Subscriptions under way.", counts.subscribers)
        yield CounterMetricFamily("facade_live_subscriptions", "Subscriptions that have begun.", counts.begun)
        yield GaugeMetricFamily(
            "facade_live_lag_seconds", "How long what was sent last had waited for its subscriber.", counts.lag
        )
        yield CounterMetricFamily("facade_live_delivered", "Changes read by subscribers.", counts.delivered)
        yield CounterMetricFamily(
            "facade_live_merged",
            "Changes that a newer one took the place of before a subscriber read them.",
            counts.merged,
        )
        events = CounterMetricFamily("facade_live_events", "Events of webhooks, by type.", labels=("type",))
        for type_, count in counts.events.items():
            events.add_metric((type_,), count)
        yield events


class Metrics:
    """Counts what this process did. Labels come from closed sets: no path, name or id as a client wrote it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._repeated: list[tuple[str, str, int, float, str, int]] = []
        # Labels come from closed sets, so there is an end to them.
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

        self._legacy = Counter(
            "facade_legacy_calls",
            "Calls of the REST API by path template, the operation that takes their place, and class of status.",
            ("path", "operation", "status"),
            registry=self.registry,
        )
        self._replays = Counter(
            "facade_shadow_replays",
            "REST calls run again as GraphQL operations, by path and by what came of it.",
            ("path", "outcome"),
            registry=self.registry,
        )
        self._differences = Counter(
            "facade_shadow_differences",
            "Fields in which a REST answer and its GraphQL operation's differed, each once a replay.",
            ("path", "field"),
            registry=self.registry,
        )

    def _child(self, metric: Labelled, *labels: str) -> Labelled:
        """`labels` of the library takes as long as the counting."""
        child: Labelled | None = self._children.get((metric, labels))
        if child is None:
            child = self._children[metric, labels] = metric.labels(*labels)
        return child

    def request(self, route: str, method: str, status: int, seconds: float, cache: str | None) -> None:
        self._child(self._requests, route, method if method in METHODS else "other", str(status)).inc()
        self._child(self._seconds, route).observe(seconds)
        if cache is not None:
            self._child(self._cache, cache).inc()

    def repeated(self, route: str, method: str, status: int, seconds: float, type_: str, points: int) -> None:
        """Note an operation whose answer was given again.

        It is counted later: with the library's locks counting takes longer than to look the answer up.
        """
        self._repeated.append((route, method, status, seconds, type_, points))
        if len(self._repeated) >= MOST_UNCOUNTED:
            self._count_repeated()

    def _count_repeated(self) -> None:
        repeated, self._repeated = self._repeated, []
        alike: dict[tuple[str, str, int, str], list[int]] = {}
        for route, method, status, seconds, type_, points in repeated:
            self._child(self._seconds, route).observe(seconds)
            alike.setdefault((route, method, status, type_), []).append(points)
        for (route, method, status, type_), points_of_each in alike.items():
            self._child(self._requests, route, method, str(status)).inc(len(points_of_each))
            self._child(self._cache, "HIT").inc(len(points_of_each))
            self._child(self._operations, type_, "ok").inc(len(points_of_each))
            self._points.inc(sum(points_of_each))

    def operation(self, type_: str, outcome: str, points: int) -> None:
        self._child(self._operations, type_, outcome).inc()
        self._points.inc(points)

    def exchanged(self, path: str, outcome: str, seconds: float) -> None:
        """Note a call upstream. `path` is a template, never the path of a call."""
        self._child(self._calls, path, outcome).inc()
        self._child(self._call_seconds, path).observe(seconds)

    def legacy(self, path: str, operation: str, status: str) -> None:
        """Note a legacy call. `path` is a template, `status` a class such as 2xx."""
        self._legacy.labels(path, operation, status).inc()

    def replayed(self, path: str, outcome: str, fields: Iterable[str] = ()) -> None:
        """Note a replay. `fields` are of a closed set: names of the API's, and none of a client's."""
        self._replays.labels(path, outcome).inc()
        for field in fields:
            self._differences.labels(path, field).inc()

    def live(self, counts: Callable[[], Counts | None]) -> None:
        """Show what subscriptions count, as it is when somebody looks."""
        self.registry.register(LiveCollector(counts))

    async def endpoint(self, _request: Request) -> Response:
        self._count_repeated()
        return Response(generate_latest(self.registry), headers=NEVER_KEPT, media_type=CONTENT_TYPE_LATEST)
