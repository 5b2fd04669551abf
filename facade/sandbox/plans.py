"""The plans of a campus: sites, buildings, and the rooms of a floor with their sensors."""

from typing import NamedTuple

from .campus import RoomKind


class SitePlan(NamedTuple):
    name: str
    timezone: str
    country: str
    sleeps: bool = True


SITES = (
    SitePlan("Bay Campus", "America/Los_Angeles", "US"),
    SitePlan("Spree Campus", "Europe/Berlin", "DE"),
    SitePlan("Yamuna Campus", "Asia/Kolkata", "IN"),
    SitePlan("Harbour Terminal", "Australia/Sydney", "AU", sleeps=False),
    SitePlan("Thames Campus", "Europe/London", "GB"),
)
BUILDINGS = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ironwood", "Juniper")
FLOOR_PLAN: tuple[RoomKind, ...] = (
    *("open", "meeting", "meeting", "boardroom", "focus", "focus", "cafe"),
    *("open", "meeting", "meeting", "boardroom", "focus", "open", "meeting", "meeting", "boardroom"),
)
# A floor with a lounge is open day and night.
TERMINAL_PLAN: tuple[RoomKind, ...] = ("lounge", "cafe", "lounge", "boardroom", "focus", "lounge", "meeting")
# Presence sensors and door (traffic) sensors of a room.
EQUIPMENT: dict[RoomKind, tuple[int, int]] = {
    "open": (6, 0),
    "meeting": (1, 0),
    "boardroom": (2, 1),
    "focus": (1, 0),
    "cafe": (2, 0),
    "auditorium": (0, 2),
    "lounge": (6, 0),
}
TAGS: dict[str, tuple[RoomKind, ...]] = {
    "Collaboration": ("meeting", "boardroom"),
    "Executive": ("boardroom",),
    "Quiet": ("focus",),
    "Desks": ("open", "focus"),
    "Amenity": ("cafe", "auditorium", "lounge"),
    "Public": (),
}


def site_plan(index: int) -> SitePlan:
    """Return the plan of the site built as the index-th; from the sixth on the places repeat."""
    plan = SITES[index % len(SITES)]
    again = index // len(SITES)
    return plan._replace(name=f"{plan.name} {again + 1}") if again else plan
