"""Assets as seen in reporting rows: Butlr's REST API has no other place left that names them."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from ..butlr import REPORTING_PATH, Reporting, Row, UpstreamTimeout, decode_reporting, format_rfc3339
from ..upstream import Answer, Call, Caller, Ledger, Upstream
from .graph import Assets
from .records import (
    BuildingRecord,
    FloorRecord,
    HiveRecord,
    Record,
    RoomRecord,
    SensorRecord,
    ZoneRecord,
)

MEASUREMENTS = ("presence", "traffic")
# A span is halved this often before discovery gives up: a week comes down to less than six hours.
HALVINGS = 5

_UNITS = (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to ask so that the upstream bears it."""

    span: timedelta
    together: bool = True

    def next(self) -> "_Plan":
        return _Plan(self.span, together=False) if self.together else _Plan(self.span / 2, together=False)


class Discovery:
    """Sensors, hives and the places they stand in, learnt from a week's rows of presence and traffic.

    One window as long as the span makes a row a sensor and field of it, not a row a minute.
    """

    name = "discovery"
    # Rows name neither sites nor tags.
    knows = frozenset({"buildings", "floors", "rooms", "zones", "sensors", "hives"})

    def __init__(
        self,
        upstream: Upstream,
        *,
        span: timedelta = timedelta(days=7),
        kept_for: timedelta = timedelta(minutes=10),
        refresh_after: timedelta = timedelta(minutes=5),
    ) -> None:
        self._upstream = upstream
        self._kept_for = kept_for
        self._refresh_after = refresh_after
        self._plan = _Plan(span)
        self._halvings_left = HALVINGS + 1
        self._known: OrderedDict[str, tuple[tuple[float, ...], Assets]] = OrderedDict()

    async def assets(self, caller: Caller, ledger: Ledger) -> Assets:
        answers = await self._rows(caller, ledger)
        as_of = tuple(answer.entry.as_of for answer in answers)
        known = self._known.get(caller.scope)
        if known and known[0] == as_of:
            return known[1]
        assets = learn(row for answer in answers for row in answer.value.rows)
        self._known[caller.scope] = (as_of, assets)
        self._known.move_to_end(caller.scope)
        if len(self._known) > 100:
            self._known.popitem(last=False)
        return assets

    async def _rows(self, caller: Caller, ledger: Ledger) -> list[Answer[Reporting]]:
        while True:
            plan = self._plan
            asks = [MEASUREMENTS] if plan.together else [(measurement,) for measurement in MEASUREMENTS]
            answers = [await self._ask(plan, ask, caller, ledger) for ask in asks]
            if not any(answer.value.is_empty_object for answer in answers):
                return answers
            if self._halvings_left == 0:
                raise UpstreamTimeout(
                    f"Butlr could not list the sensors seen in {_as_duration(plan.span)}. Set "
                    "FACADE_DISCOVERY_SPAN to less, or name the assets in an inventory (FACADE_ASSETS=inventory).",
                    path=REPORTING_PATH,
                )
            if self._plan is plan:
                self._plan = plan.next()
                self._halvings_left -= 1

    async def _ask(
        self, plan: _Plan, measurements: tuple[str, ...], caller: Caller, ledger: Ledger
    ) -> Answer[Reporting]:
        every = _as_duration(plan.span)

        def body(_asked: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
            stop = now.astimezone(UTC).replace(second=0, microsecond=0)
            return {
                "filter": {
                    "start": format_rfc3339(stop - plan.span),
                    "stop": format_rfc3339(stop),
                    "measurements": list(measurements),
                    # Rows of zero are kept only when asked for, and an empty room has its sensor all the same.
                    "value": {"gte": 0},
                },
                "window": {"every": every, "function": "last"},
            }

        return await self._upstream.read(
            Call(
                name="discovery",
                send=self._upstream.butlr.reporting,
                asked={"measurements": measurements, "every": every},
                body=body,
                decode=decode_reporting,
                kept_for=self._kept_for.total_seconds(),
                refresh_after=self._refresh_after.total_seconds(),
            ),
            caller,
            ledger,
        )


_OF_SENSOR = ("id", "mac_address", "floor_id", "room_id", "hive_id", "hive_serial", "zone_ids", "mode", "last_seen")


def learn(rows: Iterable[Row]) -> Assets:
    """Merge rows into assets. Of two rows of one sensor the later one says where it stands."""
    ordered = sorted(rows, key=lambda row: str(row.time or ""), reverse=True)
    sensors = _Learnt(SensorRecord, _OF_SENSOR)
    hives = _Learnt(HiveRecord, ("id", "serialNumber", "floor_id"))
    rooms = _Learnt(RoomRecord, ("id", "name", "floor_id", "customID"))
    zones = _Learnt(ZoneRecord, ("id", "name", "floor_id", "room_id", "customID"))
    floors = _Learnt(FloorRecord, ("id", "name", "building_id", "customID"))
    buildings = _Learnt(BuildingRecord, ("id", "name"))
    for row in ordered:
        floor = row.space_id
        if row.sensor_id:
            traffic = row.measurement == "traffic" or row.field in ("in", "out")
            sensors.add(
                row.sensor_id,
                row.mac_address,
                floor,
                row.room_id,
                row.hive_id,
                row.hive_serial,
                (row.zone_id,) if row.zone_id else None,
                "traffic" if traffic else "presence",
                str(row.time) if row.time is not None else None,
            )
        hives.add(row.hive_id, row.hive_serial, floor)
        rooms.add(row.room_id, row.room_name, floor, row.room_custom_id)
        zones.add(row.zone_id, row.zone_name, floor, row.room_id, row.zone_custom_id)
        floors.add(floor, row.space_name, row.building_id, row.floor_custom_id)
        buildings.add(row.building_id, row.building_name)
    return Assets(
        sensors=sensors.by_id(),
        hives=hives.by_id(),
        rooms=rooms.by_id(),
        zones=zones.by_id(),
        floors=floors.by_id(),
        buildings=buildings.by_id(),
    )


class _Learnt(Generic[R]):
    """What rows say of the assets of one kind: of each field the first thing that is said.

    Many rows say the same of a place, so records are made once all have been heard.
    """

    def __init__(self, made: type[R], fields: Sequence[str]) -> None:
        self._made = made
        self._fields = fields
        self._heard: dict[tuple[Any, ...], None] = {}

    def add(self, *said: Any) -> None:
        """Hear what a row says, the id first, without which it says nothing."""
        if said[0]:
            self._heard[said] = None

    def by_id(self) -> dict[str, R]:
        known: dict[str, tuple[Any, ...]] = {}
        for said in self._heard:
            before = known.get(said[0])
            known[said[0]] = (
                tuple(new if old is None else old for old, new in zip(before, said, strict=True)) if before else said
            )
        return {id_: self._made(**dict(zip(self._fields, known[id_], strict=True))) for id_ in sorted(known)}


def _as_duration(span: timedelta) -> str:
    """A span in the largest unit that divides it: `1w`, not `604800s`."""
    seconds = int(span.total_seconds())
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"
