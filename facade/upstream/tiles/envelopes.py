"""What an answer has around its rows."""

from collections.abc import Mapping
from typing import Any

import msgspec

from .cuts import Cut
from .forms import UNREADABLE, Unplaceable

COUNTS = ("page_item_count", "total_item_count")

_items = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def opened(cut: Cut, body: bytes) -> tuple[dict[str, list[msgspec.Raw]], bytes]:
    """The lists that the answer has, and what it has beside them, as far as that can be written again.

    Raises `Unplaceable` where it cannot.
    """
    try:
        fields = _object.decode(body)
        if cut.call == "detections":
            wrapped = fields.keys() == {"data"}
            if wrapped:
                fields = _object.decode(fields["data"])
            if fields.keys() != set(cut.arrays):
                raise Unplaceable("other lists than were asked for")
            return {name: _items.decode(value) for name, value in fields.items()}, b"data" if wrapped else b""
        if not {"data"} <= fields.keys() <= {"data", "page_info"}:
            raise Unplaceable("more than rows")
        items = _items.decode(fields["data"])
        return {"data": items}, _page_info(fields.get("page_info"), len(items))
    except UNREADABLE as error:
        raise Unplaceable("no list of rows") from error


def _page_info(raw: msgspec.Raw | None, rows: int) -> bytes:
    """What a report that was not paged says of its one page: counts are 0, or the number of its rows."""
    if raw is None:
        return b""
    said: Mapping[str, Any] | None = msgspec.json.decode(raw, type=dict[str, Any] | None)
    if said is None:
        return b"null"
    made: dict[str, Any] = dict(said)
    for name in COUNTS:
        if made.get(name, 0) not in (0, rows):
            raise Unplaceable("counts of something else")
        if made.get(name):
            made[name] = -1
    return msgspec.json.encode(made)


def page_info(envelope: bytes, rows: int) -> bytes:
    said = msgspec.json.decode(envelope, type=dict[str, object] | None)
    if said is None:
        return envelope
    return msgspec.json.encode(
        {name: rows if value == -1 and name in COUNTS else value for name, value in said.items()}
    )
