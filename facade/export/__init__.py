"""Exports: spans of any length as tables with a fixed schema, in bounded memory.

`schema.py` defines the tables, `plan.py` cuts a span into pieces, `pieces.py` reads them in order, `runs.py` turns
answers into rows, `writers.py` encodes them, and `spool.py` keeps files that are read in ranges.
"""

from .pieces import Export, ExportPart
from .plan import Days
from .schema import DETECTIONS, REPORT, TABLES, ExportTable, Kind, RowRun, rows_in
from .spool import Spool, Spooled, SpoolFull
from .writers import MEDIA_TYPES, Format, NeedsPyarrow, Writer, writer_for, written

__all__ = [
    "DETECTIONS",
    "MEDIA_TYPES",
    "REPORT",
    "TABLES",
    "Days",
    "Export",
    "ExportPart",
    "ExportTable",
    "Format",
    "Kind",
    "NeedsPyarrow",
    "RowRun",
    "Spool",
    "SpoolFull",
    "Spooled",
    "Writer",
    "rows_in",
    "writer_for",
    "written",
]
