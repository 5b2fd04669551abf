"""Which places a question is about: names, a floor, a building, a tag, a capacity."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from .asking import Refused
from .campus import Campus, Place
from .texts import plain
from .tool import Arguments

Kind = Literal["room", "zone", "floor"]
# Places that one answer reads a series of.
MOST_PLACES = 200


class Where(Arguments):
    kind: Kind | None = Field(None, description="What to look at; by default what `places` names, else rooms.")
    places: list[str] = Field(default_factory=list, max_length=MOST_PLACES, description="Ids or names, or parts of.")
    floor: str | None = Field(None, description="Only on this floor: id or name.")
    building: str | None = Field(None, description="Only in this building: id or name.")
    tag: str | None = Field(None, description="Only with this tag.")
    room_type: str | None = Field(None, description="Only rooms of this type, such as meeting.")
    min_capacity: int | None = Field(None, ge=1, description="Only what takes so many people or more.")

    def chosen(self, campus: Campus) -> list[Place]:
        """Return the places meant, all of one kind. Raises `Refused` where there are none."""
        found = [place for place in self._named(campus) if self._fits(place, campus)]
        if self.tag is not None:
            found = [place for place in found if plain(self.tag).casefold() in map(str.casefold, place.tags)]
        if not found:
            raise Refused("No place fits all of these filters. Ask `find_places` with fewer of them.")
        if len(found) > MOST_PLACES:
            raise Refused(f"That is {len(found)} places, more than {MOST_PLACES}: name a floor, a building or a tag.")
        return found

    def _named(self, campus: Campus) -> list[Place]:
        if not self.places:
            return [place for place in campus.places if place.kind == (self.kind or "room")]
        kinds: Sequence[str] = [self.kind] if self.kind else ["room", "zone", "floor"]
        first = campus.named(self.places[0], kinds)
        kind = next(kind for kind in kinds if any(place.kind == kind for place in first))
        named = [place for text in self.places for place in campus.named(text, [kind])]
        return list({place.id: place for place in named}.values())

    def _fits(self, place: Place, campus: Campus) -> bool:
        if self.floor is not None and place.floor_id not in self._ids(campus, self.floor, "floor"):
            return False
        if self.building is not None and place.building_id not in self._ids(campus, self.building, "building"):
            return False
        if self.room_type is not None and (place.room_type or "").casefold() != self.room_type.casefold():
            return False
        return self.min_capacity is None or (place.capacity or 0) >= self.min_capacity

    @staticmethod
    def _ids(campus: Campus, text: str, kind: str) -> set[str]:
        return {place.id for place in campus.named(text, [kind])}
