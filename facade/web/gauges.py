"""Gauges of `/metrics`. They are read each second and at each scrape, since workers read each other's files.

A part with values of its own, such as subscriptions or the store of segments, adds a function by `add`.
"""

import platform
from collections import Counter as CounterOf
from collections.abc import Callable
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge

from ..cache import Store
from ..live.hub import LiveCounts
from ..upstream import Dispatcher

Reading = Callable[[], None]


class Gauges:
    """The gauges, each the sum over all running workers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._readings: list[Reading] = []
        build = self._gauge("facade_build_info", "Always 1.", "version", "python", mode="livemax")
        build.labels(version("butlr-graphql-facade"), platform.python_version()).set(1)
        workers = self._gauge("facade_workers", "Processes that serve.")
        workers.set(1)
        self.in_flight = self._gauge("facade_http_requests_in_flight", "Requests under way.")

    def add(self, reading: Reading) -> None:
        """Call `reading` whenever the gauges are read, to set further gauges."""
        self._readings.append(reading)

    def read(self) -> None:
        for reading in self._readings:
            reading()

    def watch(self, store: Store, dispatcher: Dispatcher) -> None:
        """Set the gauges of a store and of upstream calls."""
        self.add(self._of_cache(store))
        self.add(self._of_upstream(dispatcher))

    def _of_cache(self, store: Store) -> Reading:
        bytes_ = self._gauge("facade_cache_bytes", "Bytes in the memory of the cache.")
        entries = self._gauge("facade_cache_entries", "Entries in the memory of the cache.")
        lookups = Counter(
            "facade_cache_lookups",
            "Entries looked up in the cache by level (memory, shared) and outcome (hit, miss).",
            ("level", "outcome"),
            registry=self._registry,
        )
        counted: dict[tuple[str, bool], int] = {}

        def read() -> None:
            usage = store.usage
            bytes_.set(usage.bytes)
            entries.set(usage.entries)
            for (level, found), count in usage.lookups.items():
                lookups.labels(level, "hit" if found else "miss").inc(count - counted.get((level, found), 0))
                counted[level, found] = count

        return read

    def _of_upstream(self, dispatcher: Dispatcher) -> Reading:
        opened = self._gauge(
            "facade_upstream_breaker_open", "Processes whose circuit breaker is open, by path.", "path"
        )
        held = self._gauge("facade_upstream_slots_held", "Calls upstream under way.")
        slots = self._gauge("facade_upstream_slots", "Calls upstream that there may be at once.")
        waiting = self._gauge("facade_upstream_waiting", "Calls that wait for a slot.")

        def read() -> None:
            bulkhead = dispatcher.bulkhead
            held.set(bulkhead.size - bulkhead.free)
            slots.set(bulkhead.size)
            waiting.set(bulkhead.waiting)
            for path, is_open in dispatcher.open_by_path.items():
                opened.labels(path).set(is_open)

        return read

    def of_live(self, counts: Callable[[], LiveCounts | None]) -> None:
        """Set the gauges of subscriptions."""
        subscribers = self._gauge("facade_live_subscribers", "Subscriptions under way.")
        lag = self._gauge(
            "facade_live_lag_seconds",
            "How long the last delivered change had waited for its subscriber.",
            mode="livemax",
        )
        begun = self._counter("facade_live_subscriptions", "Subscriptions that have begun.")
        delivered = self._counter("facade_live_delivered", "Changes read by subscribers.")
        merged = self._counter("facade_live_merged", "Changes that a newer one replaced before a subscriber read them.")
        events = self._counter("facade_live_events", "Events of webhooks, by type.", "type")
        polls = self._counter("facade_live_polls", "Polls for subscribers, by outcome (ok, failed).", "outcome")
        for outcome in ("ok", "failed"):
            polls.labels(outcome)
        counted: CounterOf[str] = CounterOf()

        def more(name: str, total: int) -> int:
            added, counted[name] = total - counted[name], total
            return added

        def read() -> None:
            if (now := counts()) is None:
                return
            subscribers.set(now.subscribers)
            lag.set(now.lag)
            begun.inc(more("begun", now.begun))
            delivered.inc(more("delivered", now.delivered))
            merged.inc(more("merged", now.merged))
            polls.labels("ok").inc(more("ok polls", now.polls - now.failed_polls))
            polls.labels("failed").inc(more("failed polls", now.failed_polls))
            for type_, count in now.events.items():
                events.labels(type_).inc(more(f"event {type_}", count))

        self.add(read)

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(name, help_, labels, registry=self._registry)

    def _gauge(self, name: str, help_: str, *labels: str, mode: str = "livesum") -> Gauge:
        return Gauge(name, help_, labels, registry=self._registry, multiprocess_mode=mode)  # type: ignore[arg-type]
