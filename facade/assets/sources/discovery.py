"""`Discovery`: assets from reporting rows, since no other call of Butlr's REST API names them any more."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Generic, TypeVar

from cachetools import LRUCache, TTLCache

from ...auth import Caller
from ...butlr import (
    REPORTING_PATH,
    ButlrError,
    Duration,
    Reporting,
    Row,
    UpstreamTimeout,
    Windows,
    decode_reporting,
    format_rfc3339,
)
from ...series import Labels, ReportQuery, Turn
from ...upstream import About, Answer, Call, ReadLog, Upstream
from ..graph import Assets
from ..records import BuildingRecord, FloorRecord, HiveRecord, Record, RoomRecord, SensorRecord, ZoneRecord

MEASUREMENTS = ("presence", "traffic")
# Windows of half a day cover the past with few rows. They land late, so shorter windows cover the last hours.
OLD, NEW = Windows(Duration(seconds=12 * 3600)), Windows(Duration(seconds=1800))
# How long after its end a window of half a day may still land.
LANDING = timedelta(hours=2)
# How often the span is halved before discovery gives up: a week becomes less than six hours.
HALVINGS = 5
# Seconds for which a caller's shortened span is remembered.
NARROWED_FOR = 3600.0
CALLERS_KEPT = 1000
# Most assets in the memo of learnt answers.
MOST_ASSETS = 200_000

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How much one call asks for: the span, and whether measurements share a call (`shares_calls`)."""

    span: timedelta
    shares_calls: bool = True
    halvings: int = 0

    def next(self) -> "_Plan | None":
        """Return a plan with smaller calls; None if there is none."""
        if self.shares_calls:
            return _Plan(self.span, shares_calls=False)
        if self.halvings == HALVINGS:
            return None
        return _Plan(self.span / 2, shares_calls=False, halvings=self.halvings + 1)


class Discovery:
    """Sensors, hives and their places, learnt from a week's rows of presence and traffic.

    Butlr answers with windows that are closed and have landed, so one window of the whole span would give nothing. Two
    calls find everything that reported: windows of half a day up to the last landed one, and half hours after it.
    """

    name = "discovery"
    # Rows name neither sites nor tags.
    knows = frozenset({"buildings", "floors", "rooms", "zones", "sensors", "hives"})

    def __init__(
        self,
        upstream: Upstream,
        labels: Labels,
        *,
        span: timedelta = timedelta(days=7),
        kept_for: timedelta = timedelta(minutes=10),
        refresh_after: timedelta = timedelta(minutes=5),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upstream = upstream
        self._labels = labels
        self._kept_for = kept_for
        self._refresh_after = refresh_after
        self._span = span
        # By scope, so that one tenant's overload does not shorten the span of others. Forgotten after an hour.
        self._plans: TTLCache[str, _Plan] = TTLCache(CALLERS_KEPT, NARROWED_FOR, timer=clock)
        self._known: LRUCache[str, tuple[tuple[float, ...], Assets]] = LRUCache(
            MOST_ASSETS, getsizeof=lambda known: len(known[1])
        )

    async def assets(self, caller: Caller, read_log: ReadLog) -> Assets:
        answers = await self._rows(caller, read_log)
        as_of = tuple(answer.entry.as_of for answer in answers)
        known = self._known.get(caller.scope)
        if known and known[0] == as_of:
            return known[1]
        assets = await learn(row for answer in answers for row in answer.value.rows_with(LEARNT_FROM))
        if len(assets) <= MOST_ASSETS:
            self._known[caller.scope] = (as_of, assets)
        return assets

    async def _rows(self, caller: Caller, read_log: ReadLog) -> list[Answer[Reporting]]:
        while True:
            plan = self._plans.get(caller.scope) or _Plan(self._span)
            asks = [MEASUREMENTS] if plan.shares_calls else [(measurement,) for measurement in MEASUREMENTS]
            queries = [query for measurements in asks for query in self._queries(plan, measurements)]
            answers = await asyncio.gather(*(self._ask(query, caller, read_log) for query in queries))
            if not any(answer.value.is_empty_object for answer in answers):
                return answers
            narrower = plan.next()
            if narrower is None:
                raise UpstreamTimeout(
                    f"Butlr could not list the sensors seen in {plan.span}. Set FACADE_DISCOVERY_SPAN to less, or name "
                    "the assets in an inventory (FACADE_ASSETS=inventory).",
                    path=REPORTING_PATH,
                    too_much=False,
                )
            self._plans[caller.scope] = narrower

    def _queries(self, plan: _Plan, measurements: tuple[str, ...]) -> list[ReportQuery]:
        """Return the queries that cover the plan's span, older windows first."""
        now = self._upstream.now()
        start, landed, stop = now - plan.span, OLD.floor(now - LANDING), NEW.floor(now)
        if start >= landed:
            return [_query(measurements, NEW.floor(start), stop, "30m")]
        return [
            _query(measurements, OLD.floor(start), landed, "12h"),
            _query(measurements, landed, stop, "30m"),
        ]

    async def _ask(self, query: ReportQuery, caller: Caller, read_log: ReadLog) -> Answer[Reporting]:
        try:
            return await self._asked(query, caller, read_log)
        except ButlrError as error:
            # An export of rows, which an error for too many of them names, lists no assets.
            error.too_much = False
            raise

    async def _asked(self, query: ReportQuery, caller: Caller, read_log: ReadLog) -> Answer[Reporting]:
        is_new = query.windows == NEW
        answer = await self._upstream.read(
            Call(
                name="discovery",
                send=self._upstream.butlr.reporting,
                # The cache key has no stop, so that the newer windows have one key at any time.
                asked={"measurements": query.body["filter"]["measurements"], "since": query.within["start"]}
                if is_new
                else query.body,
                body=lambda _asked: query.body,
                decode=decode_reporting,
                span=query.bounds,
                windows=query.windows,
                empty=lambda value: value.is_empty,
                kept_for=self._kept_for.total_seconds() if is_new else None,
                refresh_after=self._refresh_after.total_seconds() if is_new else None,
                about=lambda: About(reasons=["whole: assets are learnt from the rows of all that reported"]),
                rows=lambda value: len(value.items) if value.is_flat and not value.is_packed else None,
            ),
            caller,
            read_log,
        )
        self._labels.learn(query, {row.time for row in answer.value.rows_with(LEARNT_FROM) if row.time is not None})
        return answer


def _query(measurements: tuple[str, ...], start: datetime, stop: datetime, every: str) -> ReportQuery:
    body = {
        "filter": {
            "start": format_rfc3339(start),
            "stop": format_rfc3339(stop),
            "measurements": list(measurements),
            # The upstream omits rows of zero without this filter, but an empty room has a sensor too.
            "value": {"gte": 0},
        },
        "window": {"every": every, "function": "last"},
    }
    return ReportQuery(body, start, stop)


# The fields of a row from which assets are learnt.
LEARNT_FROM = frozenset(Row.__struct_fields__) - {"value", "start", "stop", "preprocessed", "timezone_offset", "tag_id"}

_OF_SENSOR = ("id", "mac_address", "floor_id", "room_id", "hive_id", "hive_serial", "zone_ids", "mode", "last_seen")


async def learn(rows: Iterable[Row]) -> Assets:
    """Merge rows into assets. The place of a sensor is that of its latest row."""
    # Most rows differ from another in their time alone.
    latest: dict[Any, Row] = {}
    turn = Turn()
    for row in rows:
        await turn.done(1)
        said = _said(row)
        before = latest.get(said)
        if before is None or _time(before) < _time(row):
            latest[said] = row
    ordered = sorted(latest.values(), key=_time, reverse=True)
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


_said = attrgetter(*sorted(LEARNT_FROM - {"time"}))


def _time(row: Row) -> str:
    return str(row.time or "")


class _Learnt(Generic[R]):
    """Collects the fields of one kind of asset from rows. The first value of a field wins.

    Many rows repeat the same values, so records are made after the last row.
    """

    def __init__(self, made: type[R], fields: Sequence[str]) -> None:
        self._made = made
        self._fields = fields
        self._heard: dict[tuple[Any, ...], None] = {}

    def add(self, *said: Any) -> None:
        """Add the values of a row, the id first. A row without an id is ignored."""
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
