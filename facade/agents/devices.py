"""The tool about sensors and hives: `device_health`."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field

from .asking import Asker
from .campus import Campus, Place, zone_name
from .times import local, parsed, zone_of
from .tool import Arguments, ToolAnswer, tool

BATTERY_SOON = timedelta(days=60)
# Discovery has a row for each reporting device at least every half day, which lands within two hours.
SILENT = timedelta(hours=14)
TROUBLED = ("offline", "silent")


class HealthArguments(Arguments):
    floor: str | None = Field(None, description="Only on this floor: id or name.")
    building: str | None = Field(None, description="Only in this building: id or name.")
    only_problems: bool = Field(True, description="List only devices that are offline or whose battery is due.")
    limit: int = Field(30, ge=1, le=100)


class DeviceHealth(ToolAnswer):
    sensors: dict[str, int] = Field(
        description="How many are online, offline, silent (no state is known, and no row names it any more), unknown."
    )
    hives: dict[str, int]
    batteries_due: int | None = Field(
        None,
        description="Sensors whose battery is to be changed within 60 days, or was to be; null where no source knows.",
    )
    devices: list[dict[str, Any]] = Field(description="Offline ones first, then the batteries that are due first.")
    total: int = Field(description="How many devices fit; `devices` may show fewer.")


async def device_health(asker: Asker, given: HealthArguments) -> DeviceHealth:
    campus = await Campus.with_devices(asker)
    floors = _floors(campus, given)
    everywhere = given.floor is None and given.building is None
    sensors = [each for each in campus.sensors if everywhere or each["floor_id"] in floors]
    hives = [each for each in campus.hives if everywhere or each["floor_id"] in floors]
    name, note = zone_name(list(floors.values()))
    if note:
        asker.notes.append(note)
    zone, moment = zone_of(name), asker.now
    rows = [
        *(_hive(each, campus, zone, moment) for each in hives),
        *(_sensor(each, campus, zone, moment) for each in sensors),
    ]
    states = {kind: Counter(row["state"] for row in rows if row["device"] == kind) for kind in ("sensor", "hive")}
    due = sum("battery" in row for row in rows) if any(each["battery_change_by_date"] for each in sensors) else None
    if given.only_problems:
        rows = [row for row in rows if row["state"] in TROUBLED or "battery" in row]
    rows.sort(key=lambda row: (row["state"] not in TROUBLED, row.get("battery", "~")))
    counted = ". ".join(_counted(kind, counts) for kind, counts in states.items())
    return DeviceHealth(
        summary=f"{counted}. Batteries due within {BATTERY_SOON.days} days: {'not known' if due is None else due}.",
        zone=zone.key,
        freshness="`last_heard` is the last heartbeat, or the newest report row that names the device.",
        sensors=dict(states["sensor"]),
        hives=dict(states["hive"]),
        batteries_due=due,
        devices=rows[: given.limit],
        total=len(rows),
        more=f"{len(rows) - given.limit} more: raise `limit` or name a floor." if len(rows) > given.limit else None,
    )


def _floors(campus: Campus, given: HealthArguments) -> dict[str, Place]:
    floors = {place.id: place for place in campus.places if place.kind == "floor"}
    if given.floor is not None:
        wanted = {place.id for place in campus.named(given.floor, ["floor"])}
        floors = {id_: place for id_, place in floors.items() if id_ in wanted}
    if given.building is not None:
        buildings = {place.id for place in campus.named(given.building, ["building"])}
        floors = {id_: place for id_, place in floors.items() if place.building_id in buildings}
    return floors


def _counted(kind: str, states: Counter[str]) -> str:
    if not states:
        return f"No {kind} is known here"
    parts = [f"{states[state]} {state}" for state in ("online", "offline", "silent", "unknown") if states[state]]
    return f"{sum(states.values())} {kind}{'' if sum(states.values()) == 1 else 's'}: {', '.join(parts)}"


def _state(is_online: bool | None, heard: datetime | None, now: datetime) -> str:
    if is_online is not None:
        return "online" if is_online else "offline"
    return "silent" if heard and now - heard > SILENT else "unknown"


def _heard(at: Any) -> datetime | None:
    if not at:
        return None
    return datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else parsed(at)


def _row(
    record: Mapping[str, Any], campus: Campus, zone: ZoneInfo, heard: datetime | None, **own: str | None
) -> dict[str, Any]:
    place = campus.by_id.get(record.get("room_id") or "") or campus.by_id.get(record.get("floor_id") or "")
    there = zone_of(place.zone) if place and place.zone else zone
    row = {
        "id": record["id"],
        "path": " / ".join((*place.path[-2:], place.name or place.id)) if place else None,
        **own,
        "last_heard": local(heard, there) if heard else None,
    }
    return {name: value for name, value in row.items() if value is not None}


def _hive(record: Mapping[str, Any], campus: Campus, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    heard = _heard(record["lastHeartbeat"])
    name = record["name"] or record["serialNumber"]
    return _row(record, campus, zone, heard, device="hive", name=name, state=_state(record["isOnline"], heard, now))


def _sensor(record: Mapping[str, Any], campus: Campus, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    heard = _heard(record["last_heartbeat"] or record["last_seen"])
    due = record["battery_change_by_date"]
    return _row(
        record,
        campus,
        zone,
        heard,
        device="sensor",
        name=record["name"] or record["mac_address"],
        mode=record["mode"],
        state=_state(record["is_online"], heard, now),
        # Only the date.
        battery=f"{parsed(due):%Y-%m-%d}" if due and parsed(due) - now < BATTERY_SOON else None,
    )


TOOLS = [
    tool(
        "device_health",
        "Device health",
        "Sensors and hives that are online, offline or unknown, when each was last heard, and batteries that are due.",
        HealthArguments,
        DeviceHealth,
        device_health,
    ),
]
