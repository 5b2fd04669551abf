"""The small native types that are parts of assets."""

from strawberry import federation

from .fields import described
from .scalars import JSON, Time


@federation.type(shareable=True, description="When an object was created, changed and deleted.")
class MetaData:
    created_at: Time | None = described("When it was created.")
    updated_at: Time | None = described("When it was last changed.")
    deleted_at: Time | None = described("When it was deleted.")


@federation.type(
    shareable=True,
    description="How many people a place has room for. Butlr's own GraphQL API returns 0 if it is not set.",
)
class Capacity:
    max: int | None = described("The most.")
    mid: int | None = described("The number of people from which it counts as half full.")


@federation.type(shareable=True, description="The area of a place.")
class Area:
    value: float | None = described("The number.")
    unit: str | None = described("The unit.")


@federation.type(shareable=True, description="A postal address.")
class Address:
    lines: list[str] | None = described("Its lines.")
    country: str | None = described("The country.")


@federation.type(shareable=True, description="A floor plan: a drawing of the floor.")
class FloorPlan:
    floor_plan_id: str | None = described("Its id.")
    name: str | None = described("Its name.")
    url: str | None = described("Its URL.")
    coordinates: JSON | None = described("Its position on the floor.")
