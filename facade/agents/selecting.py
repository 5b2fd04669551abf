"""Select the places of a question: by names, floor, building, tag or capacity."""

from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import Field

from .asking import Refused
from .campus import Campus, Place
from .naming import folded, suggestion
from .texts import plain, quoted
from .tool import Arguments

Kind = Literal["room", "zone", "floor"]
# Most places whose series one answer reads.
MOST_PLACES = 200
# Most places that a note names.
MOST_SHOWN = 5


class Where(Arguments):
    kind: Kind | None = Field(None, description="What to look at; by default what `places` names, else rooms.")
    places: list[str] = Field(default_factory=list, max_length=MOST_PLACES, description="Ids or names, or parts of.")
    floor: str | None = Field(None, description="Only on this floor: id or name.")
    building: str | None = Field(None, description="Only in this building: id or name.")
    tag: str | None = Field(None, description="Only with this tag.")
    room_type: str | None = Field(None, description="Only rooms of this type, such as meeting.")
    min_capacity: int | None = Field(None, ge=1, description="Only what takes so many people or more.")

    def chosen(self, campus: Campus, notes: list[str]) -> list[Place]:
        """Return the selected places, all of one kind, and add remarks to `notes`. Raises `Refused` if none fit."""
        meant = self._meant(campus)
        found = list({place.id: place for _, places in meant for place in places}.values())
        what = found[0].kind
        for name, kind in ((self.floor, "floor"), (self.building, "building")):
            if name is not None:
                above = campus.named(name, [kind])
                _explain(name, above, notes)
                ids = {place.id for place in above}
                found = [place for place in found if (place.floor_id if kind == "floor" else place.building_id) in ids]
                _some(found, f"within {kind} {quoted(name)}", what)
        if self.tag is not None:
            found = _fitting(found, "tag", self.tag, lambda place: place.tags, notes)
        if self.room_type is not None:
            found = _fitting(
                found, "room type", self.room_type, lambda place: place.room_type and (place.room_type,), notes
            )
        if self.min_capacity is not None:
            found = self._large(found, self.min_capacity, notes)
        if len(found) > MOST_PLACES:
            raise Refused(f"That is {len(found)} places, more than {MOST_PLACES}: name a floor, a building or a tag.")
        kept = {place.id for place in found}
        for text, places in meant:
            if text is not None:
                _explain(text, [place for place in places if place.id in kept], notes)
        return found

    def _meant(self, campus: Campus) -> list[tuple[str | None, list[Place]]]:
        """Return the places that each text names, all of one kind. A building means its floors."""
        if not self.places:
            kind: str = self.kind or "room"
            known = [place for place in campus.places if place.kind == kind]
            return [(None, _some(known, "known to any source of assets", kind))]
        kinds: list[str] = [self.kind] if self.kind else ["room", "zone", "floor"]
        decided: str | None = self.kind
        meant: list[tuple[str | None, list[Place]]] = []
        for text in self.places:
            found = campus.named(text, ["building", *kinds])
            if found[0].kind == "building":
                ids = {place.id for place in found}
                inside = decided or "floor"
                found = [place for place in campus.places if place.building_id in ids and place.kind == inside]
                _some(found, f"within building {quoted(text)}", inside)
            # The first text decides the kind, among which the others are searched.
            decided = decided or found[0].kind
            kinds = [decided]
            meant.append((text, [place for place in found if place.kind == decided]))
        return meant

    @staticmethod
    def _large(places: list[Place], least: int, notes: list[str]) -> list[Place]:
        known = [place for place in places if place.capacity is not None]
        kind = places[0].kind
        if not known:
            raise Refused(f"The capacity of none of these {len(places)} {kind}s is known. Ask without `min_capacity`.")
        if len(known) < len(places):
            notes.append(_left_out(len(places) - len(known), kind, "capacity"))
        largest = max(place.capacity or 0 for place in known)
        found = [place for place in known if (place.capacity or 0) >= least]
        return _some(found, f"that large: {largest} is the most", kind)


def _explain(text: str, found: Sequence[Place], notes: list[str]) -> None:
    """Add a note if a text matches several places, none that is left, or one with a different name."""
    if not found:
        notes.append(f"What {quoted(text)} names does not fit the other filters.")
        return
    if len(found) == 1 and (folded(found[0].name or "") == folded(text) or text in (found[0].id, found[0].custom_id)):
        return
    shown = ", ".join(f"{quoted(place.name)} ({plain(' / '.join(place.path[-2:]))})" for place in found[:MOST_SHOWN])
    if len(found) == 1:
        notes.append(f"{quoted(text)} was taken for {shown}.")
        return
    more = "" if len(found) <= MOST_SHOWN else f" and {len(found) - MOST_SHOWN} more"
    notes.append(
        f"{quoted(text)} names {len(found)} {found[0].kind}s, and all are read: {shown}{more}. To read "
        "one, give its id, or its floor or building too."
    )


def _fitting(
    places: list[Place], what: str, asked: str, own: Callable[[Place], Sequence[str] | None], notes: list[str]
) -> list[Place]:
    """Return the places with a tag or a type. Raises `Refused` if none fit, or if no source knows tags or types."""
    kind = places[0].kind
    said = [(place, values) for place in places if (values := own(place)) is not None]
    if not said:
        raise Refused(f"No source of assets knows the {what} of these {len(places)} {kind}s. Ask without it.")
    if len(said) < len(places):
        notes.append(_left_out(len(places) - len(said), kind, what))
    found = [place for place, values in said if folded(asked) in map(folded, values)]
    if not found:
        names = suggestion(asked, (value for _, values in said for value in values))
        raise Refused(f"None of these {len(places)} {kind}s has the {what} {quoted(asked)}. {names}")
    return found


def _left_out(count: int, kind: str, what: str) -> str:
    return (
        f"Left out {'is' if count == 1 else 'are'} {count} {kind}{'' if count == 1 else 's'} whose {what} is not known."
    )


def _some(places: list[Place], what: str, kind: str) -> list[Place]:
    if not places:
        raise Refused(f"No {kind} that fits is {what}. `find_places` with fewer filters lists what there is.")
    return places
