"""Time series: REST bodies as queries, the calls that answer them, and the store of their rows.

Knows bodies, windows and rows; may not know GraphQL or assets. The caller is only passed on.
"""

from .about import detections_points, listed, report_points, why_apart
from .calls import ReportCalls, read_csv
from .columns import LABELS, Builder, Column, joined, order_of, texts_of
from .detections import MACS_A_CALL, DetectionsReader
from .fetch import SeriesReader
from .heatmaps import read_heatmap_v2
from .labels import Label, Labels, epoch_of, window_of
from .open_windows import minutes_of, with_open
from .partial_answers import PartialAnswer, oldest
from .points import FULL_ROW, WINDOW_FIELDS, Points, WindowTimes, time_order, with_windows
from .query import KEY_OF_FILTER, Body, ReportQuery, resolve_report, resolve_span, windows_of
from .segmented_query import why_whole
from .slices import Slice
from .stats import Stats, read_stats
from .stitching import halves
from .stream import RowStream
from .turn import Turn

__all__ = [
    "FULL_ROW",
    "KEY_OF_FILTER",
    "LABELS",
    "MACS_A_CALL",
    "WINDOW_FIELDS",
    "Body",
    "Builder",
    "Column",
    "DetectionsReader",
    "Label",
    "Labels",
    "PartialAnswer",
    "Points",
    "ReportCalls",
    "ReportQuery",
    "RowStream",
    "SeriesReader",
    "Slice",
    "Stats",
    "Turn",
    "WindowTimes",
    "detections_points",
    "epoch_of",
    "halves",
    "joined",
    "listed",
    "minutes_of",
    "oldest",
    "order_of",
    "read_csv",
    "read_heatmap_v2",
    "read_stats",
    "report_points",
    "resolve_report",
    "resolve_span",
    "texts_of",
    "time_order",
    "why_apart",
    "why_whole",
    "window_of",
    "windows_of",
    "with_open",
    "with_windows",
]
