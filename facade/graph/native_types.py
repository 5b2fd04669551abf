"""The small native types that are parts of assets."""

from strawberry import federation

from .fields import described
from .scalars import JSON, Time


@federation.type(shareable=True, description="When a thing was made, changed and deleted.")
class MetaData:
    created_at: Time | None = described("When it was made.")
    updated_at: Time | None = described("When it was last changed.")
    deleted_at: Time | None = described("When it was deleted.")


@federation.type(
    shareable=True, description="How many people a place takes. The native API says 0 where it is not set."
)
class Capacity:
    max: int | None = described("The most.")
    mid: int | None = described("From how many on it counts as half full.")


@federation.type(shareable=True, description="The area of a place.")
class Area:
    value: float | None = described("The number.")
    unit: str | None = described("The unit.")


@federation.type(shareable=True, description="A postal address.")
class Address:
    lines: list[str] | None = described("Its lines.")
    country: str | None = described("The country.")


@federation.type(shareable=True, description="A drawing of a floor.")
class FloorPlan:
    floor_plan_id: str | None = described("Its id.")
    name: str | None = described("Its name.")
    url: str | None = described("Where it is.")
    coordinates: JSON | None = described("Where it lies on the floor.")
