"""The places and devices of one caller, with their paths and time zones, and the search among them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .asking import Asker, Refused
from .naming import ALIKE, score, suggestion
from .texts import quoted

# The query costs one call of the native source, or the usual calls of discovery.
ASSETS = """query AgentAssets {
  rooms { data { id name customID roomType capacity { max } tags { name } floor { id } } }
  zones { data { id name customID capacity { max } tags { name } floor { id } } }
  floors { data { id name customID timezone capacity { max } tags { name } building { id } } }
  buildings { data { id name customID capacity { max } site { id name timezone } } }
}"""
SEARCHED = (
    ASSETS.removesuffix("}").replace("AgentAssets", "AgentSearch")
    + """  sensors { data { id name mac_address room_id floor_id } }
  hives { data { id name serialNumber floor_id } }
}"""
)
DOORS = """query AgentDoors {
  rooms { data { id name customID roomType capacity { max } tags { name } floor { id } } }
  floors { data { id name customID timezone capacity { max } tags { name } building { id } } }
  buildings { data { id name customID capacity { max } site { id name timezone } } }
  sensors(mode: "traffic") { data { id room_id floor_id is_entrance } }
}"""
DEVICES = """query AgentDevices {
  floors { data { id name timezone building { id } } }
  rooms { data { id name floor { id } } }
  buildings { data { id name site { id name timezone } } }
  sensors { data {
    id name mac_address mode is_online is_entrance last_heartbeat last_seen power_type battery_change_by_date
    room_id floor_id
  } }
  hives { data { id name serialNumber isOnline lastHeartbeat floor_id } }
}"""

# Among equally good matches of a name the larger kind comes first.
KINDS = ("building", "floor", "room", "zone", "sensor", "hive")


@dataclass(frozen=True, slots=True)
class Place:
    kind: str
    id: str
    name: str | None
    path: tuple[str, ...]
    zone: str | None
    floor_id: str | None = None
    building_id: str | None = None
    capacity: int | None = None
    # None if no source knows tags.
    tags: tuple[str, ...] | None = None
    room_type: str | None = None
    custom_id: str | None = None

    def shown(self) -> dict[str, Any]:
        fields = {
            "kind": self.kind,
            "id": self.id,
            "name": self.name,
            "path": " / ".join(self.path),
            "zone": self.zone,
            "capacity": self.capacity,
            "room_type": self.room_type,
            "tags": list(self.tags or ()) or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def brief(self) -> dict[str, Any]:
        # The path is included, since floors of several buildings have equal names.
        fields = {"id": self.id, "name": self.name, "path": " / ".join(self.path[-2:]) or None}
        return {name: value for name, value in fields.items() if value is not None}


class Campus:
    def __init__(self, data: Mapping[str, Any]) -> None:
        buildings = {each["id"]: each for each in _listed(data, "buildings")}
        floors = {each["id"]: each for each in _listed(data, "floors")}
        self.places: list[Place] = [
            *(_building(each) for each in buildings.values()),
            *(_floor(each, buildings) for each in floors.values()),
            *(_within("room", each, floors, buildings) for each in _listed(data, "rooms")),
            *(_within("zone", each, floors, buildings) for each in _listed(data, "zones")),
        ]
        self.by_id = {place.id: place for place in self.places}
        self.sensors = _listed(data, "sensors")
        self.hives = _listed(data, "hives")

    @classmethod
    async def read(cls, asker: Asker) -> "Campus":
        return cls(await asker.ask(ASSETS))

    @classmethod
    async def searched(cls, asker: Asker) -> "Campus":
        """Read the places, with sensors and hives, which without a name go by MAC address and serial number."""
        campus = cls(await asker.ask(SEARCHED))
        for record in campus.sensors:
            campus.places.append(campus._device("sensor", record, record["mac_address"]))
        for record in campus.hives:
            campus.places.append(campus._device("hive", record, record["serialNumber"]))
        return campus

    def _device(self, kind: str, record: Mapping[str, Any], number: str | None) -> Place:
        at = self.by_id.get(record.get("room_id") or "") or self.by_id.get(record.get("floor_id") or "")
        path = (*at.path, at.name or at.id) if at else ()
        return Place(kind, record["id"], record["name"] or number, path, at.zone if at else None, custom_id=number)

    @classmethod
    async def with_doors(cls, asker: Asker) -> "Campus":
        """Read the places, with the traffic sensors."""
        return cls(await asker.ask(DOORS))

    @classmethod
    async def with_devices(cls, asker: Asker) -> "Campus":
        return cls(await asker.ask(DEVICES))

    def matching(self, text: str, places: Iterable[Place] | None = None) -> list[tuple[float, Place]]:
        """Return the matches of a text with their scores, best first: by id, name, part of a name, or similar name."""
        pool = self.places if places is None else list(places)
        scored = [(score(text, (place.id, place.custom_id), place.path, place.name), place) for place in pool]
        found = [(found, place) for found, place in scored if found >= ALIKE]
        return sorted(found, key=lambda each: (-each[0], KINDS.index(each[1].kind), each[1].path, each[1].name or ""))

    def named(self, text: str, kinds: Sequence[str]) -> list[Place]:
        """Return the places that match a name best. Raises `Refused` if there are none."""
        pool = [place for place in self.places if place.kind in kinds]
        found = self.matching(text, pool)
        if not found:
            names = suggestion(text, (place.name for place in pool if place.name))
            what = " or ".join(filter(None, [", ".join(kinds[:-1]), kinds[-1]]))
            raise Refused(f"No {what} is called {quoted(text)} or much like it. {names}")
        best = found[0][0]
        return [place for score_, place in found if score_ == best]


def zone_name(places: Sequence[Place]) -> tuple[str | None, str | None]:
    """Return the time zone of most of the places, and a note if there are several zones or none."""
    counts = Counter(place.zone for place in places if place.zone)
    if not counts:
        return None, (
            "No source of assets knows the time zone of these places: days and times are in UTC, or in the zone that "
            "`timezone` names, where a tool takes one."
        )
    first = counts.most_common(1)[0][0]
    if len(counts) > 1:
        others = f"{len(counts)} time zones ({', '.join(sorted(counts))})"
        return first, (
            f"These places are in {others}: days and times are those of {first}, but what is said of one place is in "
            "its own zone. For the days of each, ask building by building."
        )
    return first, None


def _listed(data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    records = (data.get(name) or {}).get("data") or []
    return [record for record in records if record]


def _capacity(record: Mapping[str, Any]) -> int | None:
    # The native API has 0 for an unset capacity.
    return (record.get("capacity") or {}).get("max") or None


def _names(record: Mapping[str, Any]) -> tuple[str, ...] | None:
    tags = record.get("tags")
    return None if tags is None else tuple(tag["name"] for tag in tags if tag and tag.get("name"))


def _building(record: Mapping[str, Any]) -> Place:
    site = record.get("site") or {}
    return Place(
        "building",
        record["id"],
        record.get("name"),
        tuple(filter(None, [site.get("name")])),
        site.get("timezone"),
        building_id=record["id"],
        capacity=_capacity(record),
        custom_id=record.get("customID"),
    )


def _floor(record: Mapping[str, Any], buildings: Mapping[str, Mapping[str, Any]]) -> Place:
    building = buildings.get((record.get("building") or {}).get("id") or "")
    above = _building(building) if building else None
    return Place(
        "floor",
        record["id"],
        record.get("name"),
        (*above.path, above.name or above.id) if above else (),
        (above.zone if above else None) or record.get("timezone"),
        floor_id=record["id"],
        building_id=above.id if above else None,
        capacity=_capacity(record),
        tags=_names(record),
        custom_id=record.get("customID"),
    )


def _within(
    kind: str,
    record: Mapping[str, Any],
    floors: Mapping[str, Mapping[str, Any]],
    buildings: Mapping[str, Mapping[str, Any]],
) -> Place:
    on = floors.get((record.get("floor") or {}).get("id") or "")
    floor = _floor(on, buildings) if on else None
    return Place(
        kind,
        record["id"],
        record.get("name"),
        (*floor.path, floor.name or floor.id) if floor else (),
        floor.zone if floor else None,
        floor_id=floor.id if floor else None,
        building_id=floor.building_id if floor else None,
        capacity=_capacity(record),
        tags=_names(record),
        room_type=record.get("roomType"),
        custom_id=record.get("customID"),
    )
