"""The points of a report, read either as one answer of the upstream or as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, groupby, islice, pairwise
from operator import attrgetter, le
from typing import Any

import msgspec

from ..butlr import Reporting, Row, format_rfc3339
from ..cache import Entry
from .columns import LABELS, ORDER, Column, texts_of
from .labels import Label, epoch_of, window_of
from .query import ReportQuery

WINDOW_FIELDS = frozenset({"window_start", "window_stop"})
_series_of = attrgetter(*ORDER)


class WindowTimes:
    """Memo of the start and stop of a window, as text, by the time of its row."""

    def __init__(self, query: ReportQuery, label: Label) -> None:
        self._query = query
        self._label = label
        self._known: dict[str | int | None, tuple[str | None, str | None]] = {None: (None, None)}

    def __getitem__(self, time: str | int | None) -> tuple[str | None, str | None]:
        known = self._known.get(time)
        if known is None:
            known = self._known[time] = self._of(time)
        return known

    def _of(self, time: str | int | None) -> tuple[str | None, str | None]:
        windows, seconds = self._query.windows, None if time is None else epoch_of(time)
        if windows is None or seconds is None:
            return None, None
        try:
            window = window_of(datetime.fromtimestamp(seconds, UTC), self._label, windows, self._query)
        except OverflowError:
            return None, None
        return format_rfc3339(window[0]), format_rfc3339(window[1])


@dataclass(frozen=True, slots=True)
class Points:
    """One report: a whole answer of the upstream, or columns. `entry` is its age and freshness."""

    query: ReportQuery
    label: Label
    entry: Entry
    reporting: Reporting | None = None
    columns: Sequence[Column] = ()
    is_ordered: bool = False
    """Whether the rows of `reporting` are put into the facade's own order."""

    @property
    def windows(self) -> WindowTimes:
        return WindowTimes(self.query, self.label)

    def rows(self) -> list[Any]:
        """Return the rows with all fields."""
        return self.rows_with(frozenset(Row.__struct_fields__) | WINDOW_FIELDS)

    def rows_with(self, fields: frozenset[str]) -> list[Any]:
        """Return the rows, as records with at least these fields. They are shared: do not change them."""
        if self.reporting is None:
            return self._rows_of_columns(fields)
        known = fields - WINDOW_FIELDS
        if fields & WINDOW_FIELDS:
            known |= {"time"}
        if self.is_ordered:
            known = known.union(ORDER, ("time",))
        rows = self.reporting.rows_with(known)
        if self.is_ordered:
            rows = in_order(rows)
        return with_windows(rows, self.windows) if fields & WINDOW_FIELDS else rows

    @property
    def parts(self) -> Callable[[frozenset[str]], Iterator[list[Any]]] | None:
        """Return a function that yields the rows as `rows_with` has them, in parts; None where one list will do.

        The parts of a packed answer come in the upstream's order, since it is never unpacked whole.
        """
        parts = self.reporting.parts if self.reporting is not None else None
        if parts is None:
            return None
        windows = self.windows

        def in_parts(fields: frozenset[str]) -> Iterator[list[Any]]:
            shows_windows = bool(fields & WINDOW_FIELDS)
            for rows in parts((fields - WINDOW_FIELDS) | ({"time"} if shows_windows else set())):
                yield with_windows(rows, windows) if shows_windows else rows

        return in_parts

    def _rows_of_columns(self, fields: frozenset[str]) -> list[Any]:
        names = tuple(name for name in LABELS if name in fields)
        at = [LABELS.index(name) for name in names]
        windows = self.windows if fields & WINDOW_FIELDS else None
        record = _record(names)
        rows: list[Any] = []
        for column in self.columns:
            labels = [column.labels[index] for index in at]
            within = self.query.within if column.echoes else {}
            span = within.get("start"), within.get("stop")
            for time, value in zip(texts_of(column.times), column.read_values(), strict=True):
                window = (None, None) if windows is None else windows[time]
                rows.append(record(time, value, *span, *window, *labels))
        return rows


def in_order(rows: list[Any]) -> list[Any]:
    """Return the rows in the facade's order. They need the fields of `ORDER` and a time."""
    runs = [(tuple(name or "" for name in key), list(some)) for key, some in groupby(rows, _series_of)]
    series: dict[tuple[str, ...], list[Any]] = {}
    if any(after <= before for (before, _), (after, _) in pairwise(runs)):
        for key, some in runs:
            series.setdefault(key, []).extend(some)
        runs = sorted(series.items(), key=lambda item: item[0])
    orders = [time_order([row.time for row in some]) for _, some in runs]
    return list(
        chain.from_iterable(
            some if order is None else [some[at] for at in order] for (_, some), order in zip(runs, orders, strict=True)
        )
    )


def time_order(times: Sequence[str | int | None]) -> list[int] | None:
    """Return the indices that sort times by instant; None if they are sorted."""
    keys: Sequence[Any] = times
    # Times in UTC and of equal length sort as text. A text that does not end in Z has an offset.
    if not all(type(time) is str and time.endswith("Z") and len(time) == len(times[0]) for time in times):  # type: ignore[arg-type]
        keys = list(map(_moment, times))
    if all(map(le, keys, islice(keys, 1, None))):
        return None
    return sorted(range(len(times)), key=keys.__getitem__)


def _moment(time: str | int | None) -> float:
    seconds = None if time is None else epoch_of(time)
    return 0.0 if seconds is None else seconds


def with_windows(rows: list[Any], windows: WindowTimes) -> list[Any]:
    """Return the rows, each with the start and stop of its window."""
    if not rows:
        return rows
    fields = type(rows[0]).__struct_fields__
    record = _record(tuple(name for name in LABELS if name in fields))
    return [
        record(
            row.time,
            getattr(row, "value", None),
            getattr(row, "start", None),
            getattr(row, "stop", None),
            *windows[row.time],
            *(getattr(row, name) for name in LABELS if name in fields),
        )
        for row in rows
    ]


@lru_cache(maxsize=256)
def _record(labels: tuple[str, ...]) -> type[Any]:
    """Make a class of records with these fields and those that every row has."""
    fields = ("time", "value", "start", "stop", "window_start", "window_stop", *labels)
    return msgspec.defstruct("ReportRow", [(name, Any) for name in fields], gc=False)


# The class of rows with all fields.
FULL_ROW = _record(LABELS)
