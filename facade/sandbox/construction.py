"""Build a campus of any size. The same seed builds the same campus, id for id."""

import itertools
import math
import string
from collections.abc import Iterator
from dataclasses import dataclass

from .campus import Building, Campus, Floor, Hive, Point, Polygon, Room, RoomKind, Sensor, Site, Tag, Zone
from .plans import BUILDINGS, EQUIPMENT, FLOOR_PLAN, TAGS, TERMINAL_PLAN, SitePlan, site_plan
from .seeding import seeded

SENSORS_PER_FLOOR = 40
SENSORS_PER_HIVE = 20
LOBBY_SENSORS = 4
# The side of a sensor's tile: longer than the diagonal of its footprint, so that it contains it at any rotation.
TILE_METRES = 4.0
SHELF_METRES = 40.0
# The fewest sensors for which a further site gets its own floor.
SENSORS_PER_SITE = 10
FIRST_INSTALLED = 1_672_531_200  # 2023-01-01


def build_campus(sensors: int = 200, seed: int = 1, *, sites: int = 1, unplaced: int = 0) -> Campus:
    return _Builder(seed).build(sensors, sites, unplaced)


@dataclass(slots=True)
class _Shelf:
    """Places rooms side by side, row after row, so that none overlap."""

    x: float = 0.0
    y: float = 0.0

    def place(self, columns: int) -> Point:
        width = columns * TILE_METRES
        if self.x and self.x + width > SHELF_METRES:
            self.x, self.y = 0.0, self.y + 2 * TILE_METRES
        corner = (self.x, self.y)
        self.x += width
        return corner


class _Builder:
    def __init__(self, seed: int) -> None:
        self.random = seeded("campus", seed)
        self.campus = Campus()
        self.org = self._id("org")
        self.macs = self._macs()
        self.tags = {name: Tag(self._id("tag"), name, self.org) for name in TAGS}
        self.campus.tags.extend(self.tags.values())

    def build(self, sensors: int, sites: int, unplaced: int) -> Campus:
        lobby = sensors >= 5 * LOBBY_SENSORS
        budget = sensors - (LOBBY_SENSORS if lobby else 0)
        floors = max(1, round(budget / SENSORS_PER_FLOOR), min(sites, budget // SENSORS_PER_SITE)) if budget > 0 else 0
        budgets = [budget // floors + (i < budget % floors) for i in range(floors)]
        if lobby:
            # A floor with only traffic sensors, which has no presence values.
            budgets.insert(0, 0)
        places = floors if sites > 1 else len(budgets)
        buildings = min(places, max(sites, math.ceil(math.sqrt(len(budgets)))))
        # Places that are open day and night come first, so that the first sensors see people at any hour, also on a
        # campus of few sensors.
        plans = sorted((site_plan(i) for i in range(sites)), key=lambda plan: plan.sleeps)
        for i, plan in enumerate(plans[: max(buildings, 1)]):
            self._site(i, plan)
        shares = [
            budgets[i * len(budgets) // buildings : (i + 1) * len(budgets) // buildings] for i in range(buildings)
        ]
        if lobby and sites > 1:
            # The lobby is no site's only floor.
            shares = [budgets[1:][i * floors // buildings : (i + 1) * floors // buildings] for i in range(buildings)]
            shares[-1].insert(0, 0)
        for i, share in enumerate(shares):
            at = i % len(self.campus.sites)
            self._building(i, self.campus.sites[at], plans[at], share)
        for i in range(unplaced):
            self._sensor(None, f"Spare {i + 1}", "presence", "", (0.0, 0.0), is_online=False)
        return self.campus

    def _site(self, index: int, plan: SitePlan) -> None:
        self.campus.sites.append(
            Site(
                self._id("site"),
                plan.name,
                plan.timezone,
                self.org,
                customID=f"SITE-{index + 1}",
                siteNumber=index + 1,
            )
        )

    def _building(self, index: int, site: Site, plan: SitePlan, budgets: list[int]) -> None:
        name = BUILDINGS[index % len(BUILDINGS)] + (f" {index // len(BUILDINGS) + 1}" if index >= 10 else "")
        building = Building(
            id=self._id("building"),
            name=name,
            site_id=site.id,
            building_number=index + 1,
            capacity={"max": 5 * sum(budgets), "mid": 2 * sum(budgets)},
            address={"lines": [f"{100 + index} Campus Way"], "country": plan.country},
            customID=f"B-{index + 1}",
        )
        self.campus.buildings.append(building)
        for number, budget in enumerate(budgets, start=1):
            self._floor(building, site, plan, number, budget)

    def _floor(self, building: Building, site: Site, plan: SitePlan, number: int, budget: int) -> None:
        lobby = budget == 0
        floor = Floor(
            id=self._id("space"),
            name=f"{building.name} Lobby" if lobby else f"{building.name} Floor {number}",
            building_id=building.id,
            timezone=site.timezone,
            floorNumber=number,
            area={"value": 40.0 * max(budget, LOBBY_SENSORS), "unit": "m2"},
            capacity={"max": 5 * max(budget, 20), "mid": 2 * max(budget, 20)},
            installation_date=FIRST_INSTALLED + 86_400 * self.random.randrange(365),
            customID=f"F-{building.building_number}-{number}" if number == 1 else None,
            tag_ids=(self.tags["Public"].id,) if lobby else (),
        )
        self.campus.floors.append(floor)
        hives = self._hives(floor, budget or LOBBY_SENSORS)
        entrances = 2 if budget >= 10 or lobby else min(1, budget // 2)
        for i in range(entrances):
            self._sensor(
                floor,
                f"Entrance {i + 1}",
                "traffic",
                "",
                (20.0 * i, -1.0),
                hive=next(hives),
                is_entrance=True,
            )
        shelf = _Shelf()
        if lobby:
            self._room(floor, "auditorium", "Auditorium", presence=0, doors=2, shelf=shelf, hives=hives)
            return
        left = budget - entrances
        counts: dict[str, int] = {}
        for kind in itertools.cycle(FLOOR_PLAN if plan.sleeps else TERMINAL_PLAN):
            if left <= 0:
                break
            presence, doors = EQUIPMENT[kind]
            presence = min(presence, left)
            doors = min(doors, left - presence)
            left -= presence + doors
            counts[kind] = counts.get(kind, 0) + 1
            name = f"{kind.capitalize()} {counts[kind]}"
            self._room(floor, kind, name, presence=presence, doors=doors, shelf=shelf, hives=hives)

    def _room(
        self,
        floor: Floor,
        kind: RoomKind,
        name: str,
        *,
        presence: int,
        doors: int,
        shelf: _Shelf,
        hives: Iterator[Hive],
    ) -> None:
        tiles = presence or 4
        columns = math.ceil(tiles / 2) if tiles > 2 else tiles
        rows = math.ceil(tiles / columns)
        corner = shelf.place(columns)
        shared = kind in ("open", "lounge")
        seats = 5 * tiles if shared else 4 * tiles
        room = Room(
            id=self._id("room"),
            name=name,
            floor_id=floor.id,
            roomType=kind,
            area={"value": tiles * TILE_METRES**2, "unit": "m2"},
            capacity={"max": 60, "mid": 30} if kind == "auditorium" else {"max": seats, "mid": seats // 2},
            coordinates=_rectangle(corner, columns, rows),
            customID=f"R-{len(self.campus.rooms) + 1}" if len(self.campus.rooms) % 3 == 0 else None,
            tag_ids=tuple(self.tags[tag].id for tag, kinds in TAGS.items() if kind in kinds),
        )
        self.campus.rooms.append(room)
        zones = self._zones(floor, room, corner, columns) if shared and presence > columns else []
        for i in range(presence):
            column, row = i % columns, i // columns
            self._sensor(
                floor,
                f"{name} {i + 1}",
                "presence",
                room.id,
                (corner[0] + (column + 0.5) * TILE_METRES, corner[1] + (row + 0.5) * TILE_METRES),
                hive=next(hives),
                zone_ids=(zones[row].id,) if zones else (),
            )
        for i in range(doors):
            center = (corner[0] + 1.0 + i * TILE_METRES, corner[1])
            self._sensor(floor, f"{name} Door {i + 1}", "traffic", room.id, center, hive=next(hives))

    def _zones(self, floor: Floor, room: Room, corner: Point, columns: int) -> list[Zone]:
        zones = [
            Zone(
                id=self._id("zone"),
                name=f"{room.name} {side}",
                floor_id=floor.id,
                room_id=room.id,
                area={"value": columns * TILE_METRES**2, "unit": "m2"},
                capacity={"max": 5 * columns, "mid": 2 * columns},
                coordinates=_rectangle((corner[0], corner[1] + row * TILE_METRES), columns, 1),
                customID=f"Z-{len(self.campus.zones) + row + 1}" if row == 0 else None,
                tag_ids=(self.tags["Desks" if row == 0 else "Quiet"].id,),
            )
            for row, side in enumerate(("North", "South"))
        ]
        self.campus.zones.extend(zones)
        return zones

    def _hives(self, floor: Floor, sensors: int) -> Iterator[Hive]:
        hives = [
            Hive(
                id=self._id("hive"),
                serialNumber=f"{self.random.getrandbits(64):016x}",
                name=f"{floor.name} Hive {i + 1}",
                floor_id=floor.id,
                room_id="",
                coordinates=(10.0 * i + 5.0, 0.0),
            )
            for i in range(math.ceil(sensors / SENSORS_PER_HIVE))
        ]
        self.campus.hives.extend(hives)
        return itertools.cycle(tuple(hive for hive in hives for _ in range(4)))

    def _sensor(
        self,
        floor: Floor | None,
        name: str,
        mode: str,
        room_id: str,
        center: Point,
        *,
        hive: Hive | None = None,
        zone_ids: tuple[str, ...] = (),
        is_entrance: bool = False,
        is_online: bool = True,
    ) -> None:
        self.campus.sensors.append(
            Sensor(
                id=self._id("sensor"),
                mac_address=next(self.macs),
                sensor_serial=f"HTC2{self.random.getrandbits(32):08X}",
                name=name,
                mode="traffic" if mode == "traffic" else "presence",
                model="Heatic 2",
                floor_id=floor.id if floor else "",
                room_id=room_id,
                hive_id=hive.id if hive else "",
                hive_serial=hive.serialNumber if hive else "",
                zone_ids=zone_ids,
                center=center,
                height=2.7 if mode == "presence" else 2.4,
                orientation=(0.0, 0.0, float(self.random.choice((0, 15, 90, 180, 270)))),
                power_type="Battery" if self.random.random() < 0.3 else "Wired",
                is_entrance=is_entrance,
                is_online=is_online,
            )
        )

    def _id(self, kind: str) -> str:
        return f"{kind}_{''.join(self.random.choices(string.ascii_letters + string.digits, k=27))}"

    def _macs(self) -> Iterator[str]:
        base = self.random.getrandbits(24)
        # With an odd step all 2^24 endings are used before one repeats.
        for i in range(1 << 24):
            ending = (base + i * 0x9E3779) & 0xFFFFFF
            yield f"00-17-0d-00-00-{ending >> 16:02x}-{ending >> 8 & 0xFF:02x}-{ending & 0xFF:02x}"


def _rectangle(corner: Point, columns: int, rows: int) -> Polygon:
    x, y = corner
    width, depth = columns * TILE_METRES, rows * TILE_METRES
    return ((x, y), (x + width, y), (x + width, y + depth), (x, y + depth))
