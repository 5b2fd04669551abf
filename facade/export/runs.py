"""Answers of the upstream as runs: a report's points, and the points of detections."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from ..butlr import Detections
from ..series import LABELS, ORDER, Label, Points, ReportQuery, epoch_of, window_of
from .schema import DETECTIONS, NO_TIME, REPORT, RowRun

_OF_ROWS = tuple(name for name in REPORT.texts if name != "timezone")
_READ = frozenset({*_OF_ROWS, "time", "value"})
_texts_of = attrgetter(*_OF_ROWS)
_LABELS_AT = tuple(LABELS.index(name) for name in _OF_ROWS)
_ORDER_AT = tuple(_OF_ROWS.index(name) for name in ORDER)

Texts = tuple[str | None, ...]


def runs_of_report(points: Points) -> list[RowRun]:
    """The rows of a report, ordered by building, floor, room, zone, sensor, measurement, field and time."""
    starts = _Starts(points.query, points.label)
    zone = timezone_of(points.query)
    if points.reporting is None:
        series = [(tuple(column.labels[at] for at in _LABELS_AT), column) for column in points.columns]
        return [_run(zone, texts, column.times, column.values, starts) for texts, column in series]
    parts: Iterable[list[Any]] = points.parts(_READ) if points.parts else [points.reporting.rows_with(_READ)]
    found: dict[Texts, tuple[array[int], array[float]]] = {}
    for rows in parts:
        _sort_in(rows, found)
    ordered = sorted(found.items(), key=_order)
    return [_run(zone, texts, *_by_time(times, values), starts) for texts, (times, values) in ordered]


def _sort_in(rows: Iterable[Any], found: dict[Texts, tuple[array[int], array[float]]]) -> None:
    for row in rows:
        texts = _texts_of(row)
        series = found.get(texts)
        if series is None:
            series = found[texts] = (array("q"), array("d"))
        series[0].append(millis_of(row.time))
        series[1].append(math.nan if row.value is None else row.value)


def _order(item: tuple[Texts, object]) -> tuple[str, ...]:
    texts = item[0]
    return (*(texts[at] or "" for at in _ORDER_AT), *(str(text) for text in texts))


def _by_time(times: array[int], values: array[float]) -> tuple[array[int], array[float]]:
    if all(map(int.__le__, times, times[1:])):
        return times, values
    order = sorted(range(len(times)), key=times.__getitem__)
    return array("q", [times[at] for at in order]), array("d", [values[at] for at in order])


def _run(zone: str | None, texts: Any, times: array[int], values: array[float], starts: _Starts) -> RowRun:
    return RowRun((zone, *texts), (times, starts.of(times)), (values,))


def timezone_of(query: ReportQuery) -> str | None:
    """The time zone on whose clock the windows lie; None without windows."""
    if query.windows is None:
        return None
    zone = query.body["window"].get("timezone")
    return zone if isinstance(zone, str) and zone else "UTC"


class _Starts:
    """When the windows of rows begin, by the rows' times."""

    def __init__(self, query: ReportQuery, label: Label) -> None:
        self._query = query
        self._label = label
        self._known: dict[int, int] = {NO_TIME: NO_TIME}
        self._columns: dict[bytes, array[int]] = {}

    def of(self, times: array[int]) -> array[int]:
        packed = times.tobytes()
        column = self._columns.get(packed)
        if column is None:
            column = self._columns[packed] = array("q", map(self._start, times))
        return column

    def _start(self, time: int) -> int:
        known = self._known.get(time)
        if known is None:
            known = self._known[time] = self._made(time)
        return known

    def _made(self, time: int) -> int:
        if self._query.windows is None:
            return NO_TIME
        try:
            moment = datetime.fromtimestamp(time / 1000, UTC)
            start, _ = window_of(moment, self._label, self._query.windows, self._query)
        except (OverflowError, ValueError):
            return NO_TIME
        return round(start.timestamp() * 1000)


@lru_cache(maxsize=8192)
def millis_of(time: str | float | None) -> int:
    """Epoch milliseconds; `NO_TIME` for what is no time."""
    seconds = None if time is None else epoch_of(int(time) if isinstance(time, float) else time)
    return NO_TIME if seconds is None else round(seconds * 1000)


def runs_of_detections(detections: Detections, query: ReportQuery) -> list[RowRun]:
    """The points of detections, ordered by kind, sensor and time. Raises `InvalidResponse`."""
    zone = timezone_of(query)
    found: dict[Texts, RowRun] = {}
    for kind in query.body.get("data_types") or ():
        for entry in detections.entries(kind) or ():
            points = entry.value or ()
            if not points:
                continue
            texts = (zone, kind, entry.mac_address)
            run = found.get(texts)
            if run is None:
                run = found[texts] = RowRun(texts, (array("q"), array("q")), (array("d"), array("d")))
            sampled, started = millis_of(entry.sample_time), millis_of(entry.start_time)
            for x, y in points:
                run.times[0].append(started if sampled == NO_TIME else sampled)
                run.times[1].append(started)
                run.numbers[0].append(x)
                run.numbers[1].append(y)
    assert DETECTIONS.texts == ("timezone", "data_type", "mac_address")  # noqa: S101 -- the order of `texts`
    ordered = sorted(found.items(), key=lambda item: tuple(text or "" for text in item[0]))
    return [run for _, run in map(_in_time, ordered)]


def _in_time(item: tuple[Texts, RowRun]) -> tuple[Texts, RowRun]:
    texts, run = item
    times = run.times[0]
    if all(map(int.__le__, times, times[1:])):
        return item
    order = sorted(range(len(times)), key=times.__getitem__)
    moved = tuple(array("q", [column[at] for at in order]) for column in run.times)
    numbers = tuple(array("d", [column[at] for at in order]) for column in run.numbers)
    return texts, RowRun(texts, moved, numbers)
