"""Aliases of fields: Butlr's two APIs spell one field in several ways (`floorID`, `floor_id`)."""

import re
from collections.abc import Mapping
from typing import Any

from .records import RECORD_TYPES

# Separators between the words of a name: `mac_address`, `MAC Address`, `Room-ID`.
_BETWEEN = re.compile(r"[\s_.\-/]+")
# Names for a record's own id, and for a floor's: v2's spaces are floors.
_SYNONYMS = {
    "sites": {"siteid": "id"},
    "buildings": {"buildingid": "id"},
    "floors": {"floorid": "id", "spaceid": "id"},
    "rooms": {"roomid": "id", "spaceid": "floor_id"},
    "zones": {"zoneid": "id", "spaceid": "floor_id"},
    "sensors": {"sensorid": "id", "spaceid": "floor_id", "mac": "mac_address"},
    "hives": {"hiveid": "id", "spaceid": "floor_id"},
    "tags": {"tagid": "id"},
}


def _squashed(name: str) -> str:
    return _BETWEEN.sub("", name).lower()


class _Spellings(dict[str, str | None]):
    """Memo from a name as written to the record's field; None for an unknown name."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._fields = {_squashed(field): field for field in RECORD_TYPES[kind].__struct_fields__}
        self._fields.update(_SYNONYMS[kind])

    def __missing__(self, name: str) -> str | None:
        # Spellings differ only in case and separators.
        field = self._fields.get(_squashed(name)) if isinstance(name, str) else None
        # Bounded, since a file may have a new name in each record.
        if len(self) < 1000:
            self[name] = field
        return field


_SPELLINGS = {kind: _Spellings(kind) for kind in RECORD_TYPES}


def natively_named(kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's values under the field names of its kind. `""` and null mean unknown, as in the upstream.

    If a record has two spellings of one field, the field's own name wins, then the first.
    """
    spellings = _SPELLINGS[kind]
    named: dict[str, Any] = {}
    for name, value in record.items():
        if value is None or value == "":
            continue
        field = spellings[name]
        if field is not None and (name == field or field not in named):
            named[field] = value
    return named


def is_known(kind: str, name: str) -> bool:
    """Return whether a kind of record has a field of this name or alias."""
    return _SPELLINGS[kind][name] is not None


def spelling_in(kind: str, record: Mapping[str, Any], field: str) -> str:
    """Return the name under which a raw record has a field."""
    if field in record:
        return field
    return next((name for name in record if _SPELLINGS[kind][name] == field), field)
