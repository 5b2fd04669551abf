"""The order of an answer's rows, and what it says of the order of series."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntFlag
from itertools import pairwise

from .forms import Form


class Layout(IntFlag):
    """The orders that rows come in."""

    BY_SERIES = 1
    BY_TIME = 2
    BY_ASSET = 4  # and by time within


ANY_LAYOUT = Layout.BY_SERIES | Layout.BY_TIME | Layout.BY_ASSET


@dataclass(slots=True)
class Seen:
    """What the order of rows rules out."""

    layouts: Layout = ANY_LAYOUT
    series: dict[int, str] = field(default_factory=dict)
    assets: dict[str, None] = field(default_factory=dict)
    slices: dict[tuple[int, int], None] = field(default_factory=dict)
    form: Form | None = None
    window: int = 0

    def row(self, form: Form, window: int) -> None:
        last = self.form
        if form is not last:
            if id(form) in self.series:
                self.layouts &= ~Layout.BY_SERIES
            self.series[id(form)] = form.asset
            if last is None or form.asset != last.asset:
                if form.asset in self.assets:
                    self.layouts &= ~Layout.BY_ASSET
                self.assets[form.asset] = None
            elif window < self.window:
                self.layouts &= ~Layout.BY_ASSET
            if last is not None and window == self.window:
                self.slices[id(last), id(form)] = None
        elif window < self.window:
            self.layouts &= Layout(0)
        if last is not None and window < self.window:
            self.layouts &= ~Layout.BY_TIME
        self.form, self.window = form, window

    def neighbours(self, layouts: Layout) -> Iterable[tuple[int, int]]:
        """Series that follow each other, as far as that is so in each of the orders that these may be."""
        if Layout.BY_SERIES not in layouts:
            return self.slices
        first_seen = list(pairwise(self.series))
        if layouts == Layout.BY_SERIES:
            return first_seen
        apart = Layout.BY_TIME not in layouts
        return [
            (before, after)
            for before, after in first_seen
            if (before, after) in self.slices or (apart and self.series[before] != self.series[after])
        ]
