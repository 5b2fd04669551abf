"""The chart of a tool's series as an MCP App: a page that a host shows in a frame and gives the tool's result."""

from collections.abc import Iterable
from typing import Any

import mcp_types as types
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID, ResourceCsp, client_supports_apps
from mcp.server.context import ServerRequestContext

from ..web.graphiql import BUNDLE
from .place_reports import Points
from .texts import cleaned
from .times import LocalSpan, length_of, parsed

URI = "ui://butlr/chart"
# The build puts it beside the page's files.
FILE = BUNDLE / "chart.html"
EXTENSION = {EXTENSION_ID: {"mimeTypes": [APP_MIME_TYPE]}}
# Declared, though none is the default: nothing is loaded, asked, framed or resolved from anywhere.
_META = {
    "ui": {
        "csp": ResourceCsp(connect_domains=[], resource_domains=[], frame_domains=[], base_uri_domains=[]).model_dump(
            by_alias=True
        ),
        "prefersBorder": True,
    }
}
# Of one chart: series, and points in all of them together.
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
    """Whether a client may show the chart. Without a session the earlier protocol's clients cannot say that they do."""
    return context.session.client_capabilities is None or client_supports_apps(context)


def chart_of(
    series: Iterable[tuple[str, int | None, Points]], span: LocalSpan, every: str, *, shape: str, partial: bool = False
) -> dict[str, Any]:
    """Return what the page draws: a name, a capacity and columns of each series, the first ones of too many."""
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
