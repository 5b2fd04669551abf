"""Slices: the rows of one asset in the span of a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..butlr import ButlrError
from ..cache import Entry
from .columns import Column, Unplaceable
from .labels import Label
from .query import ReportQuery

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of one asset in the span of a query, as columns sorted by measurement and field, oldest row first."""

    query: ReportQuery
    label: Label
    columns: list[Column]
    entry: Entry


Slices = dict[str, Slice | ButlrError]


class Relabelled(Unplaceable):
    """An answer has shown that times label the other end of their windows than was assumed."""
