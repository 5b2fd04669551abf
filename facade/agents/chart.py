"""The chart of a tool's series as an MCP App: a page that the host shows in a frame, with the tool's result."""

from collections.abc import Iterable
from typing import Any

import mcp_types as types
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID, ResourceCsp, client_supports_apps
from mcp.server.context import ServerRequestContext

from ..web.graphiql import BUNDLE
from .place_reports import TimedValues
from .texts import cleaned
from .times import LocalSpan, length_of, parsed

URI = "ui://butlr/chart"
# The build writes the page beside GraphiQL's files.
FILE = BUNDLE / "chart.html"
EXTENSION = {EXTENSION_ID: {"mimeTypes": [APP_MIME_TYPE]}}
# Declared although it is the default: the page may load, call, frame or resolve nothing from other hosts.
_META = {
    "ui": {
        "csp": ResourceCsp(connect_domains=[], resource_domains=[], frame_domains=[], base_uri_domains=[]).model_dump(
            by_alias=True
        ),
        "prefersBorder": True,
    }
}
# Most series of a chart, and most points of all of them together.
MOST_SERIES = 12
MOST_POINTS = 3000


def is_built() -> bool:
    return FILE.is_file()


def resource() -> types.Resource:
    return types.Resource(
        uri=URI,
        name="chart",
        title="Chart",
        description="Draws the series of a tool's answer.",
        mime_type=APP_MIME_TYPE,
        _meta=_META,
    )


def contents() -> types.TextResourceContents:
    return types.TextResourceContents(
        uri=URI, mime_type=APP_MIME_TYPE, text=FILE.read_text(encoding="utf-8"), _meta=_META
    )


def may_show(context: ServerRequestContext[Any, Any]) -> bool:
    """Return whether a client may show the chart. Clients of the earlier protocol cannot say so without a session."""
    return context.session.client_capabilities is None or client_supports_apps(context)


def chart_of(
    series: Iterable[tuple[str, int | None, TimedValues]],
    span: LocalSpan,
    every: str,
    *,
    shape: str,
    partial: bool = False,
) -> dict[str, Any]:
    """Return the data of the chart: name, capacity and columns of each series, at most `MOST_SERIES` of them."""
    shown, left = [], MOST_POINTS
    for name, capacity, points in list(series)[:MOST_SERIES]:
        if not points or len(points) > left:
            continue
        left -= len(points)
        columns = {
            "starts": [int(parsed(at).timestamp()) for at, _ in points],
            "values": [value for _, value in points],
        }
        shown.append({"name": name, "capacity": capacity, **columns})
    chart: dict[str, Any] = cleaned(
        {
            "zone": span.zone.key,
            "every": int(length_of(every).total_seconds()),
            "shape": shape,
            "partial": partial,
            "series": shown,
        }
    )
    return chart
