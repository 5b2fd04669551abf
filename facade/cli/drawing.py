"""Draw the series of an answer with characters: a step chart for each, or a heat strip for each of many.

Our own code, since plotext changes its API with each major version, and rich has no charts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..causes import one_line

# Most series that are drawn as charts. More are drawn as strips.
MOST_CHARTS = 4
# Most strips that are drawn, unless all are asked for.
MOST_STRIPS = 40
HEIGHT = 8
LONGEST_LABEL = 28
SHADES = " ░▒▓█"
_NAMES = ("name", "room_name", "zone_id", "room_id", "sensor_id", "mac_address", "space_id", "item", "id")

PlotPoint = tuple[float, float | None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A series to draw: times in epoch seconds, oldest first, each with a value or None."""

    label: str
    points: Sequence[PlotPoint]


def series_of(data: Any, names: tuple[str, ...] = ()) -> Iterator[Drawn]:
    """Yield every series in an answer: `times` beside `values`, or a list of objects with `time` and `value`.

    The label is the nearest name above it, and its measurement.
    """
    if isinstance(data, list):
        if (points := _of_rows(data)) is not None:
            yield from _labelled(points, names)
            return
        for element in data:
            yield from series_of(element, names)
    elif isinstance(data, dict):
        below = (*names, own) if (own := _name(data)) else names
        times, values = data.get("times"), data.get("values")
        if isinstance(times, list) and isinstance(values, list) and len(times) == len(values):
            measured = data.get("measurement") or data.get("field")
            label = " ".join(map(str, filter(None, [below[-1] if below else "", measured])))
            yield Drawn(one_line(label) or "series", _points(zip(times, values, strict=True)))
        for value in data.values():
            yield from series_of(value, below)


def _of_rows(rows: list[Any]) -> list[tuple[Mapping[str, Any], Any, Any]] | None:
    if not rows or not all(isinstance(row, dict) and {"time", "value"} <= row.keys() for row in rows):
        return None
    if any(isinstance(row["value"], list | dict) for row in rows):
        return None
    return [(row, row["time"], row["value"]) for row in rows]


def _labelled(points: list[tuple[Mapping[str, Any], Any, Any]], names: tuple[str, ...]) -> Iterator[Drawn]:
    apart: dict[str, list[tuple[Any, Any]]] = {}
    for row, time, value in points:
        own = _name(row) or next((_name(inner) for inner in row.values() if isinstance(inner, dict)), "")
        label = " ".join(
            filter(None, [own or (names[-1] if names else ""), row.get("measurement") or row.get("field")])
        )
        apart.setdefault(label, []).append((time, value))
    for label, pairs in apart.items():
        yield Drawn(one_line(label) or "series", _points(pairs))


def _name(object_: Mapping[str, Any]) -> str:
    return next((str(object_[name]) for name in _NAMES if isinstance(object_.get(name), str)), "")


def _points(pairs: Any) -> list[PlotPoint]:
    points: list[PlotPoint] = []
    for time, value in pairs:
        if not isinstance(time, str):
            continue
        try:
            seconds = datetime.fromisoformat(time).timestamp()
        except ValueError:
            continue
        points.append((seconds, float(value) if isinstance(value, int | float) else None))
    return sorted(points, key=lambda point: point[0])


def draw(series: Sequence[Drawn], width: int, *, everything: bool = False) -> Iterator[str]:
    """Yield the lines of all series, none wider than `width`."""
    some = [one for one in series if any(value is not None for _, value in one.points)]
    if not some:
        yield "(no series with a value)"
    elif len(some) <= MOST_CHARTS:
        for number, one in enumerate(some):
            if number:
                yield ""
            yield from chart(one, width)
    else:
        yield from strips(some, width, everything=everything)


def chart(one: Drawn, width: int) -> Iterator[str]:
    """Yield the lines of a step chart, in which a value holds until the next one."""
    known = [value for _, value in one.points if value is not None]
    low, high = min(0.0, *known), max(known)
    marks = [f"{high:g}", f"{low:g}"]
    margin = max(map(len, marks))
    start, stop = one.points[0][0], one.points[-1][0]
    values = _columns(one.points, start, stop, max(width - margin - 2, 8))
    span = (high - low) or 1.0
    levels = [None if value is None else round((value - low) / span * (HEIGHT - 1)) for value in values]
    rows = [[" "] * len(levels) for _ in range(HEIGHT)]
    before: int | None = None
    for at, level in enumerate(levels):
        if level is not None:
            _step(rows, at, before, level)
        before = level
    yield one.label[:width]
    for number, row in enumerate(rows):
        mark = marks[0] if number == 0 else marks[1] if number == HEIGHT - 1 else ""
        yield f"{mark:>{margin}} ┤{''.join(row)}".rstrip()
    yield _axis(start, stop, len(levels), margin + 2)


def _step(rows: list[list[str]], at: int, before: int | None, level: int) -> None:
    top = HEIGHT - 1
    if before is None or before == level:
        rows[top - level][at] = "─"
        return
    up = level > before
    rows[top - level][at] = "┌" if up else "└"
    rows[top - before][at] = "┘" if up else "┐"
    for between in range(min(before, level) + 1, max(before, level)):
        rows[top - between][at] = "│"


def strips(some: Sequence[Drawn], width: int, *, everything: bool = False) -> Iterator[str]:
    """Yield a line for each series: higher values are darker, on one scale for all."""
    margin = min(max(len(one.label) for one in some), LONGEST_LABEL, width // 3)
    start = min(one.points[0][0] for one in some)
    stop = max(one.points[-1][0] for one in some)
    high = max(value for one in some for _, value in one.points if value is not None)
    low = min(0.0, *(value for one in some for _, value in one.points if value is not None))
    left = len(some) if everything or len(some) <= MOST_STRIPS else MOST_STRIPS
    cells = max(width - margin - 1, 8)
    for number, one in enumerate(some):
        if left < len(some) and number == left // 2:
            yield f"… {len(some) - left} more, shown with --all …"
        if left < len(some) and left // 2 <= number < len(some) - left // 2:
            continue
        values = _columns(one.points, start, stop, cells, highest=True)
        shades = "".join("·" if value is None else _shade(value, low, high) for value in values)
        label = one.label if len(one.label) <= margin else f"{one.label[: margin - 1]}…"
        yield f"{label:<{margin}} {shades}"
    yield _axis(start, stop, cells, margin + 1)
    yield f"{len(some)} series, from {low:g} ({SHADES[1]}) to {high:g} ({SHADES[-1]}), blank at {low:g}, · unknown"


def _shade(value: float, low: float, high: float) -> str:
    if value <= low:
        return SHADES[0]
    return SHADES[min(1 + int((value - low) / ((high - low) or 1.0) * (len(SHADES) - 1)), len(SHADES) - 1)]


def _columns(
    points: Sequence[PlotPoint], start: float, stop: float, width: int, *, highest: bool = False
) -> list[float | None]:
    """Return a value for each of `width` columns: the last or the highest in it, or that of the previous column."""
    length = (stop - start) or 1.0
    within: list[list[float | None]] = [[] for _ in range(width)]
    for seconds, value in points:
        within[min(int((seconds - start) / length * width), width - 1)].append(value)
    columns: list[float | None] = []
    holds: float | None = None
    for values in within:
        if values:
            known = [value for value in values if value is not None]
            holds = values[-1]
            columns.append(max(known) if highest and known else holds)
        else:
            columns.append(holds)
    return columns


def _axis(start: float, stop: float, width: int, margin: int) -> str:
    first, last = (datetime.fromtimestamp(moment).astimezone().strftime("%b %d %H:%M") for moment in (start, stop))
    gap = max(width - len(first) - len(last), 1)
    return f"{' ' * margin}{first}{' ' * gap}{last}"
