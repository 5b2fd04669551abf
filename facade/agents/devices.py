"""The tool about sensors and hives: `device_health`."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from .asking import Asker
from .campus import Campus, zone_name
from .times import local, parsed, zone_of
from .tool import Arguments, ToolAnswer, tool

BATTERY_SOON = timedelta(days=60)


class HealthArguments(Arguments):
    floor: str | None = Field(None, description="Only on this floor: id or name.")
    building: str | None = Field(None, description="Only in this building: id or name.")
    only_problems: bool = Field(True, description="List only devices that are offline or whose battery is due.")
    limit: int = Field(30, ge=1, le=100)


class DeviceHealth(ToolAnswer):
    sensors: dict[str, int] = Field(description="How many are online, offline, unknown.")
    hives: dict[str, int]
    devices: list[dict[str, Any]]
    total: int = Field(description="How many devices fit; `devices` may show fewer.")


async def device_health(asker: Asker, given: HealthArguments) -> DeviceHealth:
    campus = await Campus.with_devices(asker)
    floors = {place.id: place for place in campus.places if place.kind == "floor"}
    if given.floor is not None:
        wanted = {place.id for place in campus.named(given.floor, ["floor"])}
        floors = {id_: place for id_, place in floors.items() if id_ in wanted}
    if given.building is not None:
        buildings = {place.id for place in campus.named(given.building, ["building"])}
        floors = {id_: place for id_, place in floors.items() if place.building_id in buildings}
    everywhere = given.floor is None and given.building is None
    sensors = [each for each in campus.sensors if everywhere or each["floor_id"] in floors]
    hives = [each for each in campus.hives if everywhere or each["floor_id"] in floors]
    name, note = zone_name(list(floors.values()))
    zone, now = zone_of(name), datetime.now(UTC)
    rows = [
        *(_hive(each, zone) for each in hives),
        *(_sensor(each, campus, zone, now) for each in sensors),
    ]
    states = {kind: Counter(row["state"] for row in rows if row["device"] == kind) for kind in ("sensor", "hive")}
    if given.only_problems:
        rows = [row for row in rows if row["state"] == "offline" or "battery" in row]
    rows.sort(key=lambda row: row["state"] != "offline")
    said = ", ".join(
        f"{sum(counts.values())} {kind}s: {counts['online']} online, {counts['offline']} offline, "
        f"{counts['unknown']} unknown"
        for kind, counts in states.items()
    )
    return DeviceHealth(
        summary=f"{said}. {len(rows)} {'have problems' if given.only_problems else 'are listed'}.",
        zone=zone.key,
        freshness="`last_heard` is the last heartbeat, or the newest report row that names the device.",
        notes=[note] if note else [],
        sensors=dict(states["sensor"]),
        hives=dict(states["hive"]),
        devices=rows[: given.limit],
        total=len(rows),
        more=f"{len(rows) - given.limit} more: raise `limit` or name a floor." if len(rows) > given.limit else None,
    )


def _state(online: bool | None) -> str:
    return "unknown" if online is None else "online" if online else "offline"


def _heard(at: Any, zone: Any) -> dict[str, str]:
    if not at:
        return {}
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else parsed(at)
    return {"last_heard": local(moment, zone)}


def _hive(record: dict[str, Any], zone: Any) -> dict[str, Any]:
    return {
        "device": "hive",
        "id": record["id"],
        "name": record["name"] or record["serialNumber"],
        "state": _state(record["isOnline"]),
        **_heard(record["lastHeartbeat"], zone),
    }


def _sensor(record: dict[str, Any], campus: Campus, zone: Any, now: datetime) -> dict[str, Any]:
    place = campus.by_id.get(record["room_id"] or "") or campus.by_id.get(record["floor_id"] or "")
    row = {
        "device": "sensor",
        "id": record["id"],
        "name": record["name"] or record["mac_address"],
        "mode": record["mode"],
        "at": place.name if place else None,
        "state": _state(record["is_online"]),
        **_heard(record["last_heartbeat"] or record["last_seen"], zone),
    }
    if (due := record["battery_change_by_date"]) and parsed(due) - now < BATTERY_SOON:
        row["battery"] = f"to be changed by {local(due, zone)}"
    return {name: value for name, value in row.items() if value is not None}


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
