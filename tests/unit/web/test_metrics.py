"""`/metrics` has few series, and none that a caller can create."""

from prometheus_client import generate_latest
from starlette.requests import Request

from facade.web.metrics import Metrics


def series(metrics: Metrics) -> list[str]:
    return [line for line in generate_latest(metrics.registry).decode().splitlines() if not line.startswith("#")]


def serve(metrics: Metrics, number: int) -> None:
    """As one operation of its own does, in a method, a route and with an end as they come."""
    metrics.request("/graphql", f"M{number}", 200, 0.01, "MISS")
    metrics.cache_hit("/graphql", "POST", 200, 0.001, "query", number)
    metrics.operation("query", "ok", number)
    metrics.failed("UPSTREAM_TIMEOUT", 1)
    metrics.exported("parquet", "ok", rows=number, calls=1, bytes=100)
    metrics.exchanged("/api/v3/reporting", "ok", 0.1)
    metrics.waited(0.0)
    metrics.retried("/api/v3/reporting")
    metrics.count_cache_hits()


def test_ten_thousand_distinct_operations_make_no_more_series_than_one():
    metrics = Metrics()
    serve(metrics, 0)
    first = len(series(metrics))
    for number in range(1, 10_000):
        serve(metrics, number)
    assert len(series(metrics)) == first
    assert first < 300


def test_no_series_says_when_it_began():
    metrics = Metrics()
    serve(metrics, 0)
    assert not [line for line in series(metrics) if "_created" in line]


async def test_open_metrics_is_given_where_it_is_asked_for():
    metrics = Metrics()
    serve(metrics, 0)

    async def answer(accept: str):
        return await metrics.endpoint(Request({"type": "http", "headers": [(b"accept", accept.encode())]}))

    plain, modern = await answer("*/*"), await answer("application/openmetrics-text; version=1.0.0")
    assert plain.headers["content-type"].startswith("text/plain")
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert modern.body.endswith(b"# EOF\n")
