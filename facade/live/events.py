"""Butlr's webhook events: their envelope, and the asset and the value that an event is about."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..assets import Assets, normal_mac

# The metadata field with the place of an occupancy event. The `_1MIN` events have another value, of one minute.
PLACE_OF_OCCUPANCY = {
    "FLOOR_OCCUPANCY": "floor_id",
    "ROOM_OCCUPANCY": "room_id",
    "ZONE_OCCUPANCY": "zone_id",
}
# Events of other types are delivered too, since Butlr may add types.
KNOWN_TYPES = frozenset(
    (
        "DETECTIONS",
        "TRAFFIC",
        *PLACE_OF_OCCUPANCY,
        *(f"{name}_1MIN" for name in PLACE_OF_OCCUPANCY),
        "PIR_MOTION",
        "PIR_NO_MOTION",
        "SENSOR_HEALTH",
        "HIVE_HEALTH",
    )
)
# The metadata fields that may name the asset of an event, the most specific first, with the asset's kind.
_ABOUT = (
    ("sensor_id", "sensors"),
    ("hive_id", "hives"),
    ("zone_id", "zones"),
    ("room_id", "rooms"),
    ("floor_id", "floors"),
    ("building_id", "buildings"),
    ("site_id", "sites"),
)
_LARGEST = 2**53


class BadEvent(Exception):  # noqa: N818 -- named for what happened
    """The posted body is not a webhook event. The message may be shown to clients."""

    code = "BAD_USER_INPUT"


class WebhookEvent(msgspec.Struct, frozen=True):
    """One event. `timestamp` is epoch milliseconds. `type` need not be in `KNOWN_TYPES`."""

    id: str
    type: str
    timestamp: int
    version: str | None = None
    metadata: dict[str, Any] = {}
    data: Any = None

    def place(self, name: str) -> str | None:
        """Return an id or a MAC address from the metadata; None if it is absent or empty."""
        value = self.metadata.get(name)
        if value is None and name == "zone_id" and isinstance(zone := self.metadata.get("zone"), Mapping):
            value = zone.get("id")
        return value if isinstance(value, str) and value else None

    @property
    def org(self) -> str | None:
        return self.place("org_id")

    @property
    def about(self) -> tuple[str, str] | None:
        """The kind (`rooms`, or `macs` for a MAC address) and the id of the event's asset; None if it names none."""
        for name, kind in _ABOUT:
            if (id_ := self.place(name)) is not None:
                return kind, id_
            if name == "sensor_id" and (mac := self.place("mac_address")) is not None:
                return "macs", normal_mac(mac)
        return None

    @property
    def occupancy(self) -> tuple[str, float] | None:
        """The place's id and the number of people in it; None unless this is an occupancy event with a number."""
        name = PLACE_OF_OCCUPANCY.get(self.type)
        place = self.place(name) if name else None
        value = self.data
        if isinstance(value, Mapping):
            value = value.get("occupancy", value.get("value"))
        if place is None or isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return place, value

    def is_about_one_of(self, assets: Assets) -> bool:
        """Return whether `assets` contain the event's asset, in the same place as the event says."""
        if (about := self.about) is None:
            return False
        kind, id_ = about
        known: Any = assets.sensor_by_mac.get(id_) if kind == "macs" else getattr(assets, kind).get(id_)
        if known is None:
            return False
        for name in ("room_id", "floor_id", "building_id", "site_id"):
            known_place, event_place = getattr(known, name, None), self.place(name)
            if known_place and event_place and known_place != event_place:
                return False
        return True


def event_of(given: Mapping[str, Any]) -> WebhookEvent:
    """Read the JSON body of a webhook as an event. Raises `BadEvent`."""
    for name in ("id", "type"):
        if not (isinstance(given.get(name), str) and given[name]):
            raise BadEvent(f"`{name}` must be text.")
    timestamp = given.get("timestamp")
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float) or not 0 <= timestamp < _LARGEST:
        raise BadEvent("`timestamp` must be a number of milliseconds since 1970.")
    metadata = given.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise BadEvent("`metadata` must be an object.")
    version = given.get("version")
    return WebhookEvent(
        id=given["id"],
        type=given["type"],
        timestamp=int(timestamp),
        version=version if isinstance(version, str) else None,
        metadata=metadata or {},
        data=given.get("data"),
    )
