"""What every source of assets offers."""

from typing import Protocol

from ..auth import Caller
from ..upstream import ReadLog
from .graph import Assets


class AssetSource(Protocol):
    """One place that knows assets. Sources are composed: the first that knows a field wins."""

    name: str
    # The kinds of assets that it can know, by the names of their lists.
    knows: frozenset[str]

    async def assets(self, caller: Caller, read_log: ReadLog) -> Assets:
        """Return what this caller may see. Raises `ButlrError` where an upstream call fails."""
        ...
