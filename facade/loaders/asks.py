"""The keys of the report loader: which asset, which body, and how the report is read."""

from collections.abc import Iterable
from typing import NamedTuple

from ..cache import canonical
from ..series import (
    Body,
)


class ReadOptions(NamedTuple):
    """How a report is read.

    `verbatim` keeps `data` exactly as the upstream answers it. `include_open` adds the windows that are open or have
    not landed, computed from minutes where that is exact. With `in_columns` the rows are sorted into columns also where
    none of them are stored, which decodes them once for the answer and for the store.
    """

    verbatim: bool = False
    include_open: bool = False
    in_columns: bool = False


class ReportOf(NamedTuple):
    """A report of one asset: `dimension` is the filter that names it, `body` the rest of the REST body."""

    dimension: str
    id: str
    body: bytes
    read: ReadOptions

    @classmethod
    def make_many(
        cls, dimension: str, ids: Iterable[str], body: Body, read: ReadOptions | None = None
    ) -> list["ReportOf"]:
        written = canonical(body)
        return [cls(dimension, id_, written, read or ReadOptions()) for id_ in ids]
