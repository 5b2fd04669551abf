"""`extensions.notes`: remarks on an answer that are not errors."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..assets import sources_of

UNKNOWN = "UNKNOWN_TO_SOURCES"


class Notes:
    """The notes of one operation, one for each cause."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Mapping[str, Any]] = {}

    def unknown(self, kind: str, source: str) -> None:
        """Add a note that `source`, the configured one, cannot know a kind of asset, and which sources can."""
        others = sources_of(kind)
        self._entries[UNKNOWN, kind] = {
            "code": UNKNOWN,
            "kind": kind,
            "sources": list(others),
            "message": f"FACADE_ASSETS={source} knows no {kind}, so null here is unknown and not none. "
            f"{' or '.join(others)} would know: FACADE_ASSETS={others[0]},{source}.",
        }

    def entries(self) -> Sequence[Mapping[str, Any]]:
        return tuple(self._entries.values())
