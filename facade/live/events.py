"""Butlr's webhook events: the envelope, and what of it names an asset or a value."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..assets import Assets, normal_mac

# Which place an occupancy is of. The `_1MIN` ones are another value, of one minute.
PLACE_OF_OCCUPANCY = {
    "FLOOR_OCCUPANCY": "floor_id",
    "ROOM_OCCUPANCY": "room_id",
    "ZONE_OCCUPANCY": "zone_id",
}
# Butlr may add others, which are passed on all the same.
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
# The most specific first: the asset that an event is about.
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
    """What was posted is no event. Safe to show."""

    code = "BAD_USER_INPUT"


class WebhookEvent(msgspec.Struct, frozen=True):
    """`timestamp` is epoch milliseconds. `type` may be one that Butlr has added since."""

    id: str
    type: str
    timestamp: int
    version: str | None = None
    metadata: dict[str, Any] = {}
    data: Any = None

    def place(self, name: str) -> str | None:
        """Return an id or a MAC address of the metadata; None where it is absent or empty."""
        value = self.metadata.get(name)
        if value is None and name == "zone_id" and isinstance(zone := self.metadata.get("zone"), Mapping):
            value = zone.get("id")
        return value if isinstance(value, str) and value else None

    @property
    def org(self) -> str | None:
        return self.place("org_id")

    @property
    def about(self) -> tuple[str, str] | None:
        """The kind and the id of the asset that the event is about; None where it names none."""
        for name, kind in _ABOUT:
            if (id_ := self.place(name)) is not None:
                return kind, id_
            if name == "sensor_id" and (mac := self.place("mac_address")) is not None:
                return "macs", normal_mac(mac)
        return None

    @property
    def occupancy(self) -> tuple[str, float] | None:
        """The place and its value, of an occupancy's event that has a number."""
        name = PLACE_OF_OCCUPANCY.get(self.type)
        place = self.place(name) if name else None
        value = self.data
        if isinstance(value, Mapping):
            value = value.get("occupancy", value.get("value"))
        if place is None or isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return place, value

    def is_about_one_of(self, assets: Assets) -> bool:
        """Whether the asset is among these, and lies where these say that it lies."""
        if (about := self.about) is None:
            return False
        kind, id_ = about
        known: Any = assets.sensor_by_mac.get(id_) if kind == "macs" else getattr(assets, kind).get(id_)
        if known is None:
            return False
        for name in ("room_id", "floor_id", "building_id", "site_id"):
            theirs, told = getattr(known, name, None), self.place(name)
            if theirs and told and theirs != told:
                return False
        return True


def event_of(given: Mapping[str, Any]) -> WebhookEvent:
    """Return the event of a webhook's body. Raises `BadEvent`."""
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
