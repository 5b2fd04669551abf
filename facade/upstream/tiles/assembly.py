"""Rows put together from tiles, in the order and the form of the undivided answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import pairwise
from operator import itemgetter

from .cuts import Cut
from .envelopes import page_info
from .layouts import ANY_LAYOUT, Layout
from .orders import Order
from .shreds import Shreds
from .tile import STRETCH, Series, Strand, Tile, filled

SINGLE = (Layout.BY_SERIES, Layout.BY_TIME, Layout.BY_ASSET)


class Customs:
    """The order in which the upstream gives the rows of one group's asks.

    Series go by their hashes, for a form is long.
    """

    def __init__(self) -> None:
        self.layouts = ANY_LAYOUT
        # Whether an answer was in another order than its ids were asked in.
        self.own_order = False
        # How often in a row an answer was asked for in parts in vain.
        self.doubts = 0
        self.series: Order[int] = Order()
        self.assets: Order[str] = Order()

    def learn(self, shreds: Shreds) -> None:
        if not shreds.strands:
            return
        if self.layouts != shreds.layouts:
            self.doubts = 0
        self.layouts = shreds.layouts
        self.own_order |= not shreds.as_asked
        self.series.learn(_hashed(shreds.neighbours))
        self.assets.learn(shreds.assets)

    def recall(self, tiles: Mapping[tuple[str, int], Tile]) -> None:
        """Learn from what other processes kept: tiles say in what order the series of one answer came."""
        answers: dict[tuple[int, int], dict[int, tuple[Series, str]]] = {}
        for (asset, _), tile in tiles.items():
            self.layouts = self.layouts & Layout(tile.layouts) or self.layouts
            for strand in tile.strands:
                width, number, place = strand.rank
                answers.setdefault((width, number), {})[place] = strand.series, asset
        for _, places in sorted(answers.items()):
            series = [(places[at][0], places[at + 1][0]) for at in sorted(places) if at + 1 in places]
            self.series.learn(_hashed(series))
            self.assets.learn(pairwise(dict.fromkeys(places[at][1] for at in sorted(places))))


def _hashed(pairs: Iterable[tuple[Series, Series]]) -> list[tuple[int, int]]:
    return [(hash(before), hash(after)) for before, after in pairs]


class Rows:
    """The rows of an ask, gathered from its tiles and ready to be written."""

    def __init__(self, cut: Cut, last: int, tiles: Mapping[tuple[str, int], Tile], customs: Customs) -> None:
        self._customs = customs
        self._asked = {cut.normal(id_): at for at, id_ in enumerate(cut.ids)}
        self._parts: dict[Series, list[Strand]] = {}
        self._asset: dict[Series, str] = {}
        for (asset, stretch), tile in sorted(tiles.items(), key=lambda item: item[0][1]):
            first, end = max(cut.first, stretch * STRETCH), min(last, (stretch + 1) * STRETCH)
            for strand in tile.strands:
                if (part := strand.between(first, end)) is not None:
                    self._parts.setdefault(part.series, []).append(part)
                    self._asset[part.series] = asset
        if not self._sorted(list(self._parts))[1]:
            customs.recall(tiles)

    @property
    def count(self) -> int:
        return sum(len(part.windows) for parts in self._parts.values() for part in parts)

    def is_sure(self, *, by_id: bool) -> bool:
        """Whether the order of the rows is known: of all, or `by_id` of each asset's own."""
        layouts = self._customs.layouts
        by_asset = by_id or layouts == Layout.BY_ASSET
        groups: dict[tuple[str, str], list[Series]] = {}
        for series in self._parts:
            groups.setdefault((series[0], self._asset[series] if by_asset else ""), []).append(series)
        if not by_id and by_asset and not self._customs.assets.sort(list({*self._asset.values()}))[1]:
            return False
        return all(
            self._is_one(some) and self._is_sorted(some) and (by_id or self._is_as_asked(some))
            for some in groups.values()
        )

    def _is_as_asked(self, group: Sequence[Series]) -> bool:
        """An upstream that was never seen to have an order of its own may follow the ask's."""
        places = [self._asked[self._asset[series]] for series in self._sorted(group)[0]]
        return self._customs.own_order or places == sorted(places)

    def _is_sorted(self, group: Sequence[Series]) -> bool:
        line, sure = self._sorted(group)
        if sure or Layout.BY_SERIES in self._customs.layouts:
            return sure
        # By time, it is no matter which comes first of series that have no window in common.
        at_once: dict[int, list[int]] = {}
        for series in line:
            for window in {window for part in self._parts[series] for window in part.windows}:
                at_once.setdefault(window, []).append(hash(series))
        pairs = {pair for some in at_once.values() for pair in pairwise(some)}
        return all(self._customs.series.knows(*pair) for pair in pairs)

    def _is_one(self, group: Sequence[Series]) -> bool:
        """Whether the orders that these rows may have are all the same."""
        layouts, assets = self._customs.layouts, {self._asset[series] for series in group}
        if len(group) == 1 or layouts in SINGLE:
            return True
        if Layout.BY_TIME not in layouts:
            return len(group) == len(assets)
        if Layout.BY_SERIES not in layouts:
            return len(assets) == 1
        return len({window for series in group for part in self._parts[series] for window in part.windows}) == 1

    def _sorted(self, series: Sequence[Series]) -> tuple[list[Series], bool]:
        by_hash = {hash(one): one for one in series}
        order, sure = self._customs.series.sort(list(by_hash))
        return [by_hash[one] for one in order], sure

    def written(self, array: str, echo: Mapping[str, bytes]) -> list[bytes]:
        order, _ = self._sorted([series for series in self._parts if series[0] == array])
        if Layout.BY_SERIES in self._customs.layouts:
            return [row for series in order for part in self._parts[series] for row in _rows(part, echo)]
        if Layout.BY_TIME in self._customs.layouts:
            return list(self._by_time(order, echo))
        own: dict[str, list[Series]] = {}
        for series in order:
            own.setdefault(self._asset[series], []).append(series)
        assets, _ = self._customs.assets.sort(list(own))
        return [row for asset in assets for row in self._by_time(own[asset], echo)]

    def _by_time(self, order: Sequence[Series], echo: Mapping[str, bytes]) -> Iterator[bytes]:
        def timed(rank: int, parts: Sequence[Strand]) -> Iterator[tuple[int, int, bytes]]:
            return (
                (window, rank, row)
                for part in parts
                for window, row in zip(part.windows, _rows(part, echo), strict=True)
            )

        lines = [timed(rank, self._parts[series]) for rank, series in enumerate(order)]
        return map(itemgetter(2), merge(*lines, key=itemgetter(0, 1)))


def _rows(strand: Strand, echo: Mapping[str, bytes]) -> Iterator[bytes]:
    count = len(strand.windows)
    columns = [
        [echo[name]] * count if name in echo else filled(column, strand)
        for name, column in zip(strand.names, strand.columns, strict=True)
    ]
    return map(strand.form.__mod__, zip(*columns, strict=True))


def written(cut: Cut, rows: Rows, envelope: bytes, echo: Mapping[str, bytes]) -> bytes:
    """The whole answer as JSON: joined once, for it may be large."""
    parts: list[bytes] = []
    for array in cut.arrays:
        some = rows.written(array, echo) or [b""]
        some[0] = b'"%b":[%b' % (array.encode(), some[0])
        some[-1] += b"]"
        parts += some
    if cut.call == "reporting" and envelope:
        parts.append(b'"page_info":%b' % page_info(envelope, rows.count))
    opening, closing = (b'{"data":{', b"}}") if cut.call == "detections" and envelope else (b"{", b"}")
    parts[0] = opening + parts[0]
    parts[-1] += closing
    return b",".join(parts)
