"""An answer taken apart: whose each row is, of which window, and what of it differs from its series' other rows.

What is not certain is not guessed: an answer with a row that cannot be placed is not taken apart.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import msgspec
import orjson

from ...butlr import Packed, format_rfc3339, from_epoch, parse_rfc3339
from .cuts import Cut, moment
from .envelopes import Opened
from .forms import ECHO, TIME, UNREADABLE, Form, Unplaceable, proven, taken_apart
from .layouts import ANY_LAYOUT, Layout, Seen
from .orders import Order
from .tile import STRETCH, Run, Series, Strand, Tile

# Between two turns of the event loop.
ROWS_A_STEP = 500
# Of rows that are unlike all before them: in an answer of several windows so many mean that there is no form to rows.
MOST_NEW, SEVERAL = 64, 8

# Seconds that the upstream's clock may be ahead.
SKEW = 5.0


@dataclass(slots=True)
class Habits:
    """What answers have shown of how rows are labelled, of one topic."""

    starts: bool | None = None
    """Whether a row's time is its window's start, and not its stop."""
    echoes: bool | None = None
    """Whether `start` and `stop` of a row are the ask's, and not its own."""
    verbatim: bool = False
    """Whether they are then as the ask spells them, and not in one spelling."""


@dataclass(slots=True)
class Shreds:
    """The parts: for each id its strands, their windows counted from the epoch."""

    cut: Cut
    run: Run
    strands: dict[str, list[Strand]]
    envelope: bytes
    layouts: Layout
    neighbours: list[tuple[Series, Series]]
    """Of which series it is known that one comes right before the other."""
    assets: list[tuple[str, str]]
    as_asked: bool
    """Whether the order may be the one that the ids were asked in."""
    kept: int
    """The window from which on what is shown depends on the stop: true of this ask, and not to be kept."""

    def tiles(self, *, kept: bool) -> Iterator[tuple[tuple[str, int], Tile]]:
        """For each id and stretch a tile; of all windows or, `kept`, of those that may be kept."""
        last = min(self.run.last, self.kept) if kept else self.run.last
        if last <= self.run.first:
            return
        for id_ in self.cut.ids:
            asset = self.cut.normal(id_)
            for stretch in range(self.run.first // STRETCH, -(-last // STRETCH)):
                first, end = max(self.run.first, stretch * STRETCH), min(last, (stretch + 1) * STRETCH)
                parts = [part for strand in self.strands.get(asset, ()) if (part := strand.between(first, end))]
                run = self.run._replace(first=first, last=end)
                yield (asset, stretch), Tile.of([run], parts, self.envelope, self.layouts)


class Shredder:
    """Takes one answer apart, some rows at a time. Every method may raise `Unplaceable`."""

    def __init__(self, cut: Cut, body: bytes | Packed, as_of: float, habits: Habits, known: Layout) -> None:
        """`known` are the orders that the answers of the group so far may have."""
        self._cut = cut
        self._known = known
        self._as_of = as_of
        self._habits = habits
        self._last = cut.last(as_of)
        self._assets = {cut.normal(id_) for id_ in cut.ids}
        self._forms: dict[tuple[str, tuple[bytes, ...]], Form] = {}
        self._windows: dict[bytes, int] = {}
        self._good: set[bytes] = set()
        self._within = False
        self._seen: dict[str, Seen] = {}
        self._opened = Opened(cut, body)

    def steps(self) -> Iterator[None]:
        """Go on to the next step at each turn; once through, `shreds` is the outcome."""
        for array, items in self._opened.lists.items():
            seen = self._seen[array] = Seen()
            form: Form | None = None
            for at, raw in enumerate(items):
                if at % ROWS_A_STEP == 0:
                    yield
                form = self._row(array, bytes(raw), form, seen)
        if self._windows:
            self._learn_labels()

    def _row(self, array: str, item: bytes, last: Form | None, seen: Seen) -> Form:
        form = last
        slots = form.parse(item, self._good) if form else None
        if slots is None and last and last.after:
            form = last.after
            slots = form.parse(item, self._good)
        if form is None or slots is None:
            form, slots = self._parse(array, item)
        if form is not last and last:
            last.after = form
        window = self._window(slots[form.names.index(TIME[self._cut.call])])
        form.add(window, slots)
        seen.row(form, window)
        return form

    def _parse(self, array: str, item: bytes) -> tuple[Form, list[bytes]]:
        literals, slots = taken_apart(self._cut.call, item)
        form = self._forms.get((array, literals))
        if form is None:
            names, fields = proven(self._cut.call, item, literals, slots)
            form = self._forms[array, literals] = Form(array, self._asset(fields), literals, names)
            if len(self._forms) > MOST_NEW and len(self._windows) > SEVERAL and self._rows() < 2 * len(self._forms):
                raise Unplaceable("rows differ in more than is known to")
        return form, slots

    def _rows(self) -> int:
        return sum(len(form.windows) for form in self._forms.values())

    def _asset(self, fields: Mapping[str, bytes]) -> str:
        if not self._cut.id_field:
            return ""
        id_ = _text(fields.get(self._cut.id_field))
        asset = self._cut.normal(id_) if id_ else ""
        if asset not in self._assets:
            raise Unplaceable("a row of something else")
        return asset

    def _window(self, label: bytes) -> int:
        """The number of the window that begins with this moment, or else of the one after the one it is in."""
        found = self._windows.get(label)
        if found is None:
            at = _moment(label)
            if at is None:
                raise Unplaceable("not a time")
            found = self._windows[label] = math.ceil(at / self._cut.every)
            self._within |= at % self._cut.every != 0
        return found

    def _learn_labels(self) -> None:
        """A time at the span's start, or at its stop, says which of its two moments a window is named by."""
        labels = set(self._windows.values())
        # No window starts at the stop, nor after now.
        latest = min(self._last - 1, (self._as_of + SKEW) // self._cut.every)
        starts, stops = self._cut.first in labels, max(labels) > latest
        if starts and stops:
            raise Unplaceable("windows named by both their moments")
        if starts or stops:
            if self._habits.starts not in (None, starts):
                self._habits.starts = None
                raise Unplaceable("windows named otherwise than before")
            self._habits.starts = starts
        if self._habits.starts is None:
            raise Unplaceable("windows named by who knows which of their moments")
        first, last = self._cut.first, self._last
        if not self._habits.starts:
            first, last = first + 1, last + 1
        if not all(first <= label < last for label in labels):
            raise Unplaceable("a time outside the span")
        if self._within and (self._habits.starts or self._inner_labels() != {self._last}):
            raise Unplaceable("a time within a window")

    def _inner_labels(self) -> set[int]:
        every = self._cut.every
        return {found for label, found in self._windows.items() if (_moment(label) or 0) % every}

    @property
    def shreds(self) -> Shreds:
        layouts = ANY_LAYOUT
        for seen in self._seen.values():
            layouts &= seen.layouts
        if not layouts:
            raise Unplaceable("rows in an order that is not known")
        # Few rows fit several orders; then others of the group decide.
        layouts = layouts & self._known or layouts
        echoes = self._echoes()
        forms = {id(form): form for form in self._forms.values()}
        shift = 0 if self._habits.starts else 1
        # Later answers have greater numbers.
        number = (int(self._as_of * 1000) << 20) | (crc32(repr((self._cut.ids, self._cut.first)).encode()) & 0xFFFFF)
        strands: dict[str, list[Strand]] = {}
        neighbours: list[tuple[Series, Series]] = []
        asked = {self._cut.normal(id_): at for at, id_ in enumerate(self._cut.ids)}
        as_asked = True
        place = 0
        for seen in self._seen.values():
            order: Order[int] = Order()
            order.learn(seen.neighbours(layouts))
            line, _ = order.sort(list(seen.series))
            earlier: tuple[int, Series] | None = None
            for key in line:
                near = earlier is not None and order.knows(earlier[0], key)
                # Of neighbours that were not seen as such, the places are not next to each other.
                place += 1 if near else 2
                form = forms[key]
                strand = form.strand(shift, echoes, (len(forms), number, place))
                if earlier and near:
                    neighbours.append((earlier[1], strand.series))
                    as_asked &= asked[forms[earlier[0]].asset] <= asked[form.asset]
                earlier = key, strand.series
                strands.setdefault(form.asset, []).append(strand)
        end = self._last
        return Shreds(
            cut=self._cut,
            run=Run(self._cut.first, end, self._as_of, not forms),
            strands=strands,
            envelope=self._opened.envelope,
            layouts=layouts,
            neighbours=neighbours,
            assets=[pair for seen in self._seen.values() for pair in pairwise(seen.assets)],
            as_asked=as_asked,
            kept=self._kept(echoes),
        )

    def _kept(self, echoes: bool) -> int:
        kept = self._last - 1 if self._cut.ragged or self._within else self._last
        own_stop = not echoes and any("stop" in form.names for form in self._forms.values())
        shown = self._cut.stop is None and self._last in self._windows.values()
        if not own_stop and (self._habits.starts or shown):
            return kept
        # An unfinished window's stop, where it is shown, may be its own, or the ask's where that comes first.
        return min(kept, int(self._as_of // self._cut.every))

    def _echoes(self) -> bool:
        """Whether rows echo the span asked for. Where an answer cannot tell, others have to have."""
        echoing = [form for form in self._forms.values() if not set(ECHO).isdisjoint(form.names)]
        if not echoing:
            return False
        values = {
            name: {value for form in echoing if name in form.names for value in form.values[form.names.index(name)]}
            for name in ECHO
        }
        same = all(len(found) <= 1 for found in values.values())
        fits = same and all(self._is_asked(name, found) for name, [*found] in values.items())
        habits = self._habits
        if len({window for form in echoing for window in form.windows}) > 1:
            if (same and not fits) or habits.echoes not in (None, fits):
                habits.echoes = None
                raise Unplaceable("rows with another span than was asked")
            habits.echoes = fits
        if habits.echoes is None or (habits.echoes and not fits) or not (habits.echoes or self._are_own(echoing)):
            raise Unplaceable("rows whose span is who knows which")
        return habits.echoes

    def _are_own(self, forms: Iterable[Form]) -> bool:
        """Whether the span that each row names is within its window."""
        every, shift = self._cut.every, 0 if self._habits.starts else 1
        named = {
            (window - shift, value)
            for form in forms
            for name, values in zip(form.names, form.values, strict=True)
            if name in ECHO
            for window, value in zip(form.windows, values, strict=True)
        }
        moments = {value: _moment(value) for _, value in named}
        return all(
            at is not None and window * every <= at <= (window + 1) * every
            for window, value in named
            for at in (moments[value],)
        )

    def _is_asked(self, name: str, found: Sequence[bytes]) -> bool:
        if not found:
            return True
        text = _text(found[0])
        at = parse_rfc3339(text) if text else None
        if at is None:
            return False
        if name == "stop" and self._cut.stop is None:
            return at.timestamp() > (self._last - 1) * self._cut.every
        asked = self._cut.body["filter"][name]
        if at != parse_rfc3339(asked) or text not in (asked, format_rfc3339(at)):
            return False
        if asked != format_rfc3339(at):
            self._habits.verbatim = text == asked
        return True


def _text(raw: bytes | None) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str) if raw else None
    except UNREADABLE:
        return None


def _moment(raw: bytes) -> float | None:
    try:
        value = msgspec.json.decode(raw, type=str | int | float)
    except UNREADABLE:
        return None
    found = parse_rfc3339(value) if isinstance(value, str) else from_epoch(value)
    return found.timestamp() if found else None


def echo(cut: Cut, habits: Habits, now: float) -> dict[str, bytes]:
    """What rows that echo the ask have in its place."""
    stop = int(now) if cut.stop is None else cut.stop
    texts = {"start": moment(cut.first * cut.every), "stop": moment(stop)}
    if habits.verbatim:
        texts |= {name: text for name in ECHO if (text := cut.body["filter"].get(name)) not in (None, "now")}
    return {f"={name}": orjson.dumps(text) for name, text in texts.items()}
