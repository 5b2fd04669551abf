"""What an answer has around its rows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ...butlr import Packed, arrays
from .cuts import Cut
from .forms import UNREADABLE, Unplaceable

COUNTS = ("page_item_count", "total_item_count")

_items = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Opened:
    """The lists that an answer has, and what it has beside them, as far as that can be written again.

    Raises `Unplaceable` where it cannot: when it is made, and while the lists are gone through, which can be done once.
    """

    def __init__(self, cut: Cut, body: bytes | Packed) -> None:
        self._envelope: bytes | None = None
        self.lists: Mapping[str, Iterable[msgspec.Raw]] = {}
        if isinstance(body, Packed):
            self.lists = {"data": self._unpacked(body)}
            return
        try:
            fields = _object.decode(body)
            if cut.call == "detections":
                wrapped = fields.keys() == {"data"}
                if wrapped:
                    fields = _object.decode(fields["data"])
                if fields.keys() != set(cut.arrays):
                    raise Unplaceable("other lists than were asked for")
                self.lists = {name: _items.decode(value) for name, value in fields.items()}
                self._envelope = b"data" if wrapped else b""
            else:
                items = self._rows(fields)
                self.lists = {"data": items}
                self._envelope = _page_info(fields.get("page_info"), len(items))
        except UNREADABLE as error:
            raise Unplaceable("no list of rows") from error

    @property
    def envelope(self) -> bytes:
        """What there is beside the lists, known once they have been gone through."""
        if self._envelope is None:
            raise Unplaceable("no end of the rows")
        return self._envelope

    def _unpacked(self, body: Packed) -> Iterator[msgspec.Raw]:
        rows = 0
        try:
            for array in arrays(body):
                if not array.startswith(b"{"):
                    items = _items.decode(array)
                    rows += len(items)
                    yield from items
                    continue
                fields = _object.decode(array)
                items = self._rows(fields)
                # Of a name that comes twice the last counts.
                if not items or array.find(fields["data"], 0, len(fields["data"]) + 8) != 8:
                    raise Unplaceable("not one list of rows")
                rows += len(items)
                self._envelope = _page_info(fields.get("page_info"), rows)
                yield from items
        except (ValueError, *UNREADABLE) as error:
            raise Unplaceable("no list of rows") from error

    @staticmethod
    def _rows(fields: Mapping[str, msgspec.Raw]) -> list[msgspec.Raw]:
        if not {"data"} <= fields.keys() <= {"data", "page_info"}:
            raise Unplaceable("more than rows")
        return _items.decode(fields["data"])


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
