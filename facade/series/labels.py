"""Which end of its window a row's `time` is: set, or learnt from answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

from ..butlr import Windows, from_epoch, parse_rfc3339
from .query import ReportQuery


class Label(StrEnum):
    START = "start"
    STOP = "stop"


class Labels:
    """Which end of its window labels a row of this upstream. Since August 2026 Butlr labels windows by their stop."""

    def __init__(self, setting: str = "auto") -> None:
        """Take `start`, `stop` or `auto` as the setting. Raises ValueError for anything else."""
        self._fixed = None if setting == "auto" else Label(setting)
        self._learnt: Label | None = None

    @property
    def current(self) -> Label:
        """Return the label as set or learnt; `stop` until an answer has proven one."""
        return self._fixed or self._learnt or Label.STOP

    @property
    def is_known(self) -> bool:
        return (self._fixed or self._learnt) is not None

    def learn(self, query: ReportQuery, times: Iterable[str | int]) -> Label:
        """Learn the label from the times of an answer's rows, and return it.

        A row at the span's start proves `start`, a row at its stop proves `stop`: with the other label the row's window
        would lie outside the span.
        """
        if self._fixed is not None:
            return self._fixed
        if query.start is None or query.stop is None or query.windows is None:
            return self.current
        start, stop = query.start.timestamp(), query.stop.timestamp()
        for time in times:
            moment = epoch_of(time)
            if moment is not None and moment <= start:
                self._learnt = Label.START
                break
            if moment is not None and moment >= stop:
                self._learnt = Label.STOP
                break
        return self.current


def epoch_of(time: str | int) -> float | None:
    """Return the epoch seconds of a row's time; None for an invalid time."""
    moment = from_epoch(time) if isinstance(time, int) else parse_rfc3339(time)
    return None if moment is None else moment.timestamp()


def window_of(label_at: datetime, label: Label, windows: Windows, query: ReportQuery) -> tuple[datetime, datetime]:
    """Return start and stop of the window that a row labelled `label_at` covers.

    Where the backend cuts the first and last window to the span, the result is cut too.
    """
    if label is Label.STOP:
        start, stop = windows.before(label_at), label_at
    else:
        start, stop = label_at, windows.after(label_at)
    if query.start is not None and start < query.start < stop:
        start = query.start
    if query.stop is not None and start < query.stop < stop:
        stop = query.stop
    return start.astimezone(UTC), stop.astimezone(UTC)
