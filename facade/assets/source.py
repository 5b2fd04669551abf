"""The interface of a source of assets."""

from typing import Protocol

from ..auth import Caller
from ..upstream import ReadLog
from .graph import Assets


class AssetSource(Protocol):
    """A source of assets. Several sources are merged: for each field the first that knows it wins."""

    name: str
    # The kinds of assets that it can know (the names of their lists).
    knows: frozenset[str]

    async def assets(self, caller: Caller, read_log: ReadLog) -> Assets:
        """Return the assets that a caller may see. Raises `ButlrError` if an upstream call fails."""
        ...
