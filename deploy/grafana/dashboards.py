"""Grafana's dashboards, as code: `python deploy/grafana/dashboards.py` writes them to `dashboards/`."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "dashboards"
PROMETHEUS = {"type": "prometheus", "uid": "${prometheus}"}
INFINITY = {"type": "yesoreyeram-infinity-datasource", "uid": "facade"}
RATE = "[$__rate_interval]"

Panel = dict[str, Any]


def series(title: str, unit: str, *targets: tuple[str, str]) -> Panel:
    """A time series of PromQL expressions, each with its legend."""
    return {
        "type": "timeseries",
        "title": title,
        "datasource": PROMETHEUS,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            # Exemplars lead from a point of a latency to its trace.
            {"refId": chr(65 + at), "expr": expr, "legendFormat": legend, "exemplar": "_bucket" in expr}
            for at, (expr, legend) in enumerate(targets)
        ],
    }


def quantiles(name: str, by: str = "") -> list[tuple[str, str]]:
    labels = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return [
        (f"histogram_quantile({share}, sum by ({labels}) (rate({name}_bucket{RATE})))", f"p{share * 100:g}{legend}")
        for share in (0.5, 0.95, 0.99)
    ]


def ratio(part: str, whole: str) -> str:
    return f"sum(rate({part}{RATE})) / sum(rate({whole}{RATE}))"


SERVICE = [
    series(
        "Requests",
        "reqps",
        (f"sum by (route, status) (rate(facade_http_requests_total{RATE}))", "{{route}} {{status}}"),
    ),
    series("Time of requests", "s", *quantiles("facade_http_request_seconds")),
    series(
        "Operations", "ops", (f"sum by (type, outcome) (rate(facade_operations_total{RATE}))", "{{type}} {{outcome}}")
    ),
    series("Errors in answers", "ops", (f"sum by (code) (rate(facade_operation_errors_total{RATE}))", "{{code}}")),
    series(
        "Answers by X-Cache",
        "percentunit",
        (
            f"sum by (status) (rate(facade_cache_answers_total{RATE})) / scalar(sum(rate(facade_cache_answers_total{RATE})))",
            "{{status}}",
        ),
    ),
    series(
        "Hits by level of the cache",
        "percentunit",
        (
            f'sum by (level) (rate(facade_cache_lookups_total{{outcome="hit"}}{RATE}))'
            f" / sum by (level) (rate(facade_cache_lookups_total{RATE}))",
            "{{level}}",
        ),
    ),
    series("Cache", "bytes", ("sum(facade_cache_bytes)", "bytes in memory")),
    series("Entries in the cache", "short", ("sum(facade_cache_entries)", "entries")),
    series(
        "Under way", "short", ("sum(facade_http_requests_in_flight)", "requests"), ("sum(facade_workers)", "workers")
    ),
    series("Cost", "short", (f"sum(rate(facade_operation_points_total{RATE}))", "points a second")),
    series("Legacy calls", "reqps", (f"sum by (path) (rate(facade_legacy_calls_total{RATE}))", "{{path}}")),
    series("Builds", "short", ("sum by (version, python) (facade_build_info)", "{{version}}, Python {{python}}")),
]
UPSTREAM = [
    series(
        "Calls", "reqps", (f"sum by (path, outcome) (rate(facade_upstream_calls_total{RATE}))", "{{path}} {{outcome}}")
    ),
    series("Time of calls", "s", *quantiles("facade_upstream_call_seconds", "path")),
    series(
        "Share of calls that failed",
        "percentunit",
        (
            ratio('facade_upstream_calls_total{outcome!="ok"}', "facade_upstream_calls_total"),
            "failed",
        ),
    ),
    series("Retries", "reqps", (f"sum by (path) (rate(facade_upstream_retries_total{RATE}))", "{{path}}")),
    series("Open circuit breakers", "short", ("sum by (path) (facade_upstream_breaker_open)", "{{path}}")),
    series(
        "Slots",
        "short",
        ("sum(facade_upstream_slots_held)", "held"),
        ("sum(facade_upstream_slots)", "all"),
        ("sum(facade_upstream_waiting)", "calls that wait"),
    ),
    series("Wait for a slot", "s", *quantiles("facade_upstream_wait_seconds")),
    series(
        "Calls for each operation", "short", (ratio("facade_upstream_calls_total", "facade_operations_total"), "calls")
    ),
]
LIVE = [
    series(
        "Subscribers",
        "short",
        ("sum(facade_live_subscribers)", "subscribers"),
        (f"sum(rate(facade_live_subscriptions_total{RATE}))", "subscriptions begun a second"),
    ),
    series("Lag", "s", ("max(facade_live_lag_seconds)", "what was read last had waited")),
    series(
        "Changes",
        "ops",
        (f"sum(rate(facade_live_delivered_total{RATE}))", "delivered"),
        (f"sum(rate(facade_live_merged_total{RATE}))", "merged: a newer one took the place"),
    ),
    series("Polls", "ops", (f"sum by (outcome) (rate(facade_live_polls_total{RATE}))", "{{outcome}}")),
    series("Events of webhooks", "ops", (f"sum by (type) (rate(facade_live_events_total{RATE}))", "{{type}}")),
    series(
        "Webhook requests",
        "reqps",
        (
            f'sum by (status) (rate(facade_http_requests_total{{route="/webhooks/butlr"}}{RATE}))',
            "{{status}}",
        ),
    ),
]

OCCUPANCY = """query GrafanaOccupancy($start: Time!, $stop: Time!) {
  rooms {
    data {
      name
      report(measurements: [presence], start: $start, stop: $stop, window: {every: "15m", function: max}) {
        rows { time value }
      }
    }
  }
}"""
ROOMS_NOW = "query GrafanaRooms { rooms { data { id name occupancy { value time } } } }"
SPAN = '{"start": "${__from:date:iso}", "stop": "${__to:date:iso}"}'


def infinity(
    panel: str, title: str, query: str, root: str, columns: list[tuple[str, str, str]], variables: str = "{}"
) -> Panel:
    return {
        "type": panel,
        "title": title,
        "datasource": INFINITY,
        "targets": [
            {
                "refId": "A",
                "type": "graphql",
                "source": "url",
                "parser": "backend",
                "format": "timeseries" if panel == "timeseries" else "table",
                "url": "/graphql",
                "url_options": {
                    "method": "POST",
                    "body_type": "graphql",
                    "body_graphql_query": query,
                    "body_graphql_variables": variables,
                },
                "root_selector": root,
                "columns": [{"selector": path, "text": text, "type": kind} for path, text, kind in columns],
            }
        ],
    }


ROOMS = [
    infinity(
        "table",
        "Rooms now",
        ROOMS_NOW,
        "data.rooms.data",
        [
            ("name", "Room", "string"),
            ("occupancy.value", "People", "number"),
            ("occupancy.time", "As of", "timestamp"),
        ],
    ),
    infinity(
        "timeseries",
        "Occupancy",
        OCCUPANCY,
        'data.rooms.data.($name := name; report.rows.{"time": time, "room": $name, "value": value})',
        [("time", "Time", "timestamp"), ("room", "Room", "string"), ("value", "People", "number")],
        SPAN,
    ),
]


def dashboard(uid: str, title: str, panels: list[Panel], *, prometheus: bool = True) -> dict[str, Any]:
    placed = [
        {**panel, "id": at + 1, "gridPos": {"h": 8, "w": 12, "x": at % 2 * 12, "y": at // 2 * 8}}
        for at, panel in enumerate(panels)
    ]
    variable = {"name": "prometheus", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return {
        "uid": uid,
        "title": title,
        "tags": ["butlr"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [variable] if prometheus else []},
        "panels": placed,
    }


DASHBOARDS = {
    "service.json": dashboard("facade-service", "Facade: service", SERVICE),
    "upstream.json": dashboard("facade-upstream", "Facade: upstream", UPSTREAM),
    "live.json": dashboard("facade-live", "Facade: live", LIVE),
    "rooms.json": dashboard("facade-rooms", "Rooms", ROOMS, prometheus=False),
}


def written(board: dict[str, Any]) -> str:
    return json.dumps(board, indent=2) + "\n"


if __name__ == "__main__":
    for name, board in DASHBOARDS.items():
        (FOLDER / name).write_text(written(board))
