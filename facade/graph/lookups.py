"""Look up the assets that records refer to by id."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from ..assets import Assets, normal_mac
from .context import Info


@dataclass(frozen=True, slots=True)
class Lookup:
    """How to look up the assets of a record: `refers` returns its reference, or None, and `find` the assets for it.

    `reads` are the attributes that `refers` reads. A record may lack some of them.
    """

    reads: tuple[str, ...]
    refers: Callable[[Any], Hashable | None]
    find: Callable[[Assets, Any], Any]
    # The kind of the assets (the name of their list), if there are sources that cannot know this kind.
    kind: str | None = None


async def looked_up(lookup: Lookup, records: Sequence[Any], info: Info) -> list[Any]:
    """Return what each record refers to. Equal references are looked up once, and give the same object.

    Raises `ButlrError` if assets are needed and cannot be read.
    """
    if lookup.kind and not info.context.knows(lookup.kind):
        return [None] * len(records)
    references = [lookup.refers(record) for record in records]
    found: dict[Hashable | None, Any] = dict.fromkeys(references)
    if found.keys() - {None}:
        assets = await info.context.loaders.assets()
        if lookup.kind:
            assets.require(lookup.kind)
        for reference in found:
            if reference is not None:
                found[reference] = lookup.find(assets, reference)
    return [found[reference] for reference in references]


def _by_id(attribute: str, table: str) -> Lookup:
    def refers(record: Any) -> str | None:
        return getattr(record, attribute) or None

    def find(assets: Assets, id_: str) -> Any:
        return getattr(assets, table).get(id_)

    return Lookup((attribute,), refers, find, table)


def below(index: str) -> Lookup:
    """Look up a record's id in an index of `Assets`."""
    kind = index.partition("_by_")[0]
    return Lookup(("id",), lambda record: record.id, lambda assets, id_: getattr(assets, index).get(id_, []), kind)


def named(attribute: str, table: str) -> Lookup:
    """Look up the assets that a tuple of ids names; None if the attribute is None."""

    def find(assets: Assets, ids: tuple[str, ...]) -> list[Any]:
        known = getattr(assets, table)
        return [known[id_] for id_ in ids if id_ in known]

    return Lookup((attribute,), lambda record: getattr(record, attribute), find, table)


def _sensor_ids(record: Any) -> tuple[str | None, str | None] | None:
    id_, mac = getattr(record, "sensor_id", None), getattr(record, "mac_address", None)
    return (id_, None if id_ else mac) if id_ or mac else None


def _sensor(assets: Assets, ids: tuple[str | None, str | None]) -> Any:
    id_, mac = ids
    return assets.sensors.get(id_) if id_ else assets.sensor_by_mac.get(normal_mac(mac or ""))


def _hive_ids(record: Any) -> tuple[str | None, str | None] | None:
    return (record.hive_id, record.hive_serial) if record.hive_id or record.hive_serial else None


def _hive(assets: Assets, ids: tuple[str | None, str | None]) -> Any:
    id_, serial = ids
    return assets.hives.get(id_ or "") or assets.hive_by_serial.get((serial or "").lower())


def _floor_id(record: Any) -> str | None:
    # Rows call a floor a space, with the same id.
    return getattr(record, "space_id", None) or getattr(record, "floor_id", None) or None


def via_sensor(lookup: Lookup) -> Lookup:
    """Look up what the sensor of a detection refers to."""

    def find(assets: Assets, ids: tuple[str | None, str | None]) -> Any:
        sensor = _sensor(assets, ids)
        reference = lookup.refers(sensor) if sensor else None
        return None if reference is None else lookup.find(assets, reference)

    return Lookup(sensor_of.reads, _sensor_ids, find, "sensors")


sensor_of = Lookup(("sensor_id", "mac_address"), _sensor_ids, _sensor, "sensors")
hive_of = Lookup(("hive_id", "hive_serial"), _hive_ids, _hive, "hives")
room_of = _by_id("room_id", "rooms")
zone_of = _by_id("zone_id", "zones")
floor_of = Lookup(("space_id", "floor_id"), _floor_id, lambda assets, id_: assets.floors.get(id_), "floors")
building_of = _by_id("building_id", "buildings")
site_of = _by_id("site_id", "sites")
