"""heatmap_v2 over longer spans than one call takes: the span is cut, and the cells are added up."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

from ..auth import Caller
from ..butlr import Detections
from ..upstream import Answer, ReadLog
from .cells import added, map_in
from .detections import MACS_A_CALL, DetectionsReader
from .partial_answers import oldest
from .query import ReportQuery

MOST = timedelta(days=7)


async def read_heatmap_v2(
    reader: DetectionsReader, query: ReportQuery, now: datetime, caller: Caller, read_log: ReadLog
) -> Answer[Detections]:
    """Return the answer to a body whose only `data_types` is heatmap_v2. Raises `ButlrError`.

    A span of more than seven days, or more sensors than one call takes, needs several calls. Their maps are then asked
    for without normalisation, added up, and, where the caller wants it, divided by the greatest cell.
    """
    parts = _parts(query, now)
    if len(parts) <= 1 and len(query.body["filter"].get("mac_addresses") or ()) <= MACS_A_CALL:
        answer = await reader.whole(query, caller, read_log)
        return Answer(_of_map(map_in(answer.value)), answer.entry)
    query, normalize = _not_normalized(query)
    answers = await asyncio.gather(*(reader.whole(part, caller, read_log) for part in _parts(query, now)))
    total = added([map_in(answer.value) for answer in answers], normalize=normalize)
    return Answer(_of_map(total), oldest([answer.entry for answer in answers]))


def _of_map(heatmap: object) -> Detections:
    return Detections.from_entries({}, {"heatmap_v2": heatmap})


def _not_normalized(query: ReportQuery) -> tuple[ReportQuery, bool]:
    window = query.body.get("window") or {}
    options = dict(window.get("heatmap_v2_options") or {})
    if not options.pop("normalize", False):
        return query, False
    return query.with_body(window={**window, "heatmap_v2_options": options}), True


def _parts(query: ReportQuery, now: datetime) -> list[ReportQuery]:
    if query.start is None:
        return [query]
    stop = query.stop or now
    edges = [query.start]
    while edges[-1] + MOST < stop:
        edges.append(edges[-1] + MOST)
    edges.append(stop)
    return [query.between(first, last) for first, last in pairwise(edges)]
