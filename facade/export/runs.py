"""Turns the upstream's answers into runs: the points of a report, and those of detections."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime
from functools import lru_cache

from ..butlr import Detections
from ..series import LABELS, Builder, Column, Label, Labels, Points, ReportQuery, Turn, epoch_of, joined, window_of
from .schema import DETECTIONS, NO_TIME, REPORT, RowRun

_OF_ROWS = tuple(name for name in REPORT.texts if name != "timezone")
_LABELS_AT = tuple(LABELS.index(name) for name in _OF_ROWS)

Texts = tuple[str | None, ...]


async def runs_of_report(points: Points, labels: Labels) -> list[RowRun]:
    """Return the rows of a report, ordered by building, floor, room, zone, sensor, measurement, field and time."""
    columns, label = points.columns, points.label
    if points.reporting is not None:
        builder, turn = Builder(None, no_time=NO_TIME), Turn()
        for some in points.reporting.in_series():
            builder.add(some)
            await turn.done(sum(len(one.times) for one in some))
        label = labels.learn(points.query, builder.times)
        columns = (await builder.columns(turn)).get("", [])
    starts = _Starts(points.query, label)
    zone = timezone_of(points.query)
    # Some labels are not exported. Series that differ only in those are joined.
    found: dict[Texts, list[Column]] = {}
    for column in columns:
        found.setdefault(tuple(column.labels[at] for at in _LABELS_AT), []).append(column)  # type: ignore[misc]
    return [
        RowRun((zone, *texts), (one.times, starts.of(one.times)), (one.values,))
        for texts, one in zip(found, map(joined, found.values()), strict=True)
    ]


def timezone_of(query: ReportQuery) -> str | None:
    """Return the time zone of the windows; None without windows."""
    if query.windows is None:
        return None
    zone = query.body["window"].get("timezone")
    return zone if isinstance(zone, str) and zone else "UTC"


class _Starts:
    """Computes when windows begin from the times of their rows, in epoch milliseconds."""

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
    """Return epoch milliseconds; `NO_TIME` if `time` is missing or not a time."""
    seconds = None if time is None else epoch_of(int(time) if isinstance(time, float) else time)
    return NO_TIME if seconds is None else round(seconds * 1000)


def runs_of_detections(detections: Detections, query: ReportQuery) -> list[RowRun]:
    """Return the points of detections, ordered by kind, sensor and time. Raises `InvalidResponse`."""
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
