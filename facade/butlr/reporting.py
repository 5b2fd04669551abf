"""Answers of the reporting call: an array of rows, or nested maps of any depth."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

import msgspec
import orjson

from ._loose import is_empty
from .client import REPORTING_PATH
from .errors import InvalidResponse, undecodable
from .grouped import Leaf, ReplyStatistics, flatten, rows_at, rows_below, unflatten
from .http import MAX_BODY_BYTES, too_large
from .levels import name_levels
from .packed import Packed, Unpacked, arrays, is_array
from .row_series import RowSeries, in_series
from .rows import Row, decode_fields, decode_rows

__all__ = ["Leaf", "ReplyStatistics", "Reporting", "Row", "decode", "flatten", "name_levels", "unflatten"]
# Bytes from which on the rows of a flat answer are decoded in steps, since the decoder blocks the event loop.
SLICED_FROM = 1024 * 1024
_EMPTY_OBJECT = re.compile(rb"\{\s*\}")


class _Envelope(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"")
    page_info: Any = None


_items = msgspec.json.Decoder(list[msgspec.Raw] | None)
_envelope = msgspec.json.Decoder(_Envelope)


class Reporting:
    """An answer, of which only the parts that are read get decoded."""

    def __init__(
        self,
        *,
        body: bytes | None = None,
        raw: memoryview | None = None,
        packed: Packed | None = None,
        data: Any = msgspec.UNSET,
        page_info: dict[str, Any] | None = None,
        path: str = REPORTING_PATH,
    ) -> None:
        """Use `decode`, `of_items` (both from `raw`, the bytes of `data`) or `from_data` instead."""
        self._page_info = page_info
        self._packed = packed
        self._path = path
        self._body = body
        self._unpacked = raw
        self._data = data
        self._leaves: list[Leaf] | None = None
        self._rows: list[Row] | None = None
        self._some: tuple[frozenset[str], list[Any]] | None = None

    @classmethod
    def from_data(cls, data: Any, page_info: dict[str, Any] | None = None) -> Self:
        """Make an answer of parsed data."""
        return cls(data=data, page_info=page_info)

    @classmethod
    def of_items(cls, items: Sequence[msgspec.Raw]) -> Self:
        """Make a flat answer of some `items` of another one."""
        return cls(raw=memoryview(b"[%b]" % b",".join(items)))

    @property
    def _raw(self) -> memoryview | None:
        if self._unpacked is None and self._packed is not None:
            # Any access except by `parts` unpacks the whole answer.
            if len(self._packed) > MAX_BODY_BYTES:
                raise too_large(self._path, MAX_BODY_BYTES)
            self._body = bytes(self._packed)
            self._unpacked, self._page_info = _opened(self._body, self._path)
        return self._unpacked

    @property
    def page_info(self) -> dict[str, Any] | None:
        if self._packed is not None and self._raw is None:
            return None
        return self._page_info

    @property
    def is_packed(self) -> bool:
        """Return whether the answer is packed. Then read only its `parts`: other access unpacks it whole."""
        return self._packed is not None and self._unpacked is None

    async def check(self) -> None:
        """Read a packed answer through, in steps. Raises InvalidResponse if it is not one array of JSON."""
        packed = self._packed if self.is_packed else None
        if packed is None:
            return
        try:
            for _ in _arrays(packed):
                await asyncio.sleep(0)
        except ValueError as exc:
            raise undecodable(next(packed.pieces()), self._path, "a report") from exc

    @property
    def held(self) -> bytes | Packed:
        """Return the whole answer as it is held, which is packed if it is large."""
        return self._packed if self._packed is not None and self._unpacked is None else self.body

    @property
    def parts(self) -> Callable[[frozenset[str]], Iterator[list[Any]]] | None:
        """Return a function that yields the rows as `rows_with` has them, in parts; None if one list will do.

        It raises ValueError if the rows cannot be cut into parts.
        """
        return self._in_parts if self.is_packed else None

    def each_row(self) -> Iterator[Row]:
        """Yield the rows one by one; those of a packed answer without having them all in memory.

        Raises InvalidResponse if they cannot be read.
        """
        if self._packed is None or not self.is_packed:
            yield from self.rows
            return
        try:
            for array in _arrays(self._packed):
                yield from decode_rows(array)
        except ValueError as exc:
            raise InvalidResponse("Butlr's answer is no report that can be read row by row.", path=self._path) from exc

    def in_series(self) -> Iterator[list[RowSeries]]:
        """Yield the points by series, in steps, also for a packed answer. Raises InvalidResponse."""
        if not self.is_flat:
            yield list(map(RowSeries.of, self.rows))
            return
        try:
            if (body := self._in_pieces()) is not None:
                arrays: Iterable[bytes | memoryview] = _arrays(body)
            elif self._raw is None:
                arrays = [orjson.dumps(self._data or [])]
            else:
                arrays = [self._raw]
            for array in arrays:
                yield from in_series(array)
        except (TypeError, ValueError) as exc:
            raise InvalidResponse("Butlr's answer is no report that can be read row by row.", path=self._path) from exc

    def _in_pieces(self) -> Packed | Unpacked | None:
        """Return the body if its rows are many and in one array, to be read piece by piece; else None."""
        body: Packed | Unpacked | None = self._packed if self.is_packed else None
        if body is None and self._body is not None and len(self._body) > SLICED_FROM and self._rows is None:
            body = Unpacked(self._body)
        return body if body is not None and is_array(body) else None

    def _in_parts(self, fields: frozenset[str]) -> Iterator[list[Any]]:
        assert self._packed is not None  # noqa: S101 -- see `parts`
        return (decode_fields(array, fields) for array in _arrays(self._packed))

    @property
    def body(self) -> bytes:
        """Return the whole answer as JSON: the received bytes, or equal ones."""
        if self._body is None:
            if self._raw is not None:
                return b"".join((b'{"data":', self._raw, b"}"))
            whole = {"data": self._data}
            if self.page_info is not None:
                whole["page_info"] = self.page_info
            self._body = orjson.dumps(whole)
        return self._body

    @property
    def data(self) -> Any:
        """Return `data` exactly as received. It is shared: do not change it."""
        if self._data is msgspec.UNSET and self._raw is not None:
            try:
                self._data = orjson.loads(self._raw)
            except ValueError as exc:
                raise undecodable(self.body, self._path, "a report") from exc
        return self._data

    @property
    def is_flat(self) -> bool:
        """Return whether `data` is an array of rows, or null, which means no rows."""
        if self._packed is not None:
            return True
        if self._raw is not None:
            return self._raw[0] != ord("{")
        return not isinstance(self._data, dict)

    @property
    def is_empty_object(self) -> bool:
        """Return whether the answer is `{"data": {}}`: the query was too much, or was grouped and has no match."""
        if self._packed is not None:
            return False
        if self._raw is not None:
            return _EMPTY_OBJECT.fullmatch(self._raw) is not None
        return isinstance(self._data, dict) and not self._data

    @property
    def is_empty(self) -> bool:
        """Return whether `data` is null, an empty array or an empty object, without decoding points."""
        if self._packed is not None:
            return False
        if self._raw is not None:
            return is_empty(self._raw)
        return not self._data

    @property
    def rows(self) -> list[Row]:
        """Return the points in order: of a flat answer, or of the leaves of a grouped raw one. Statistics have none."""
        if self._rows is None:
            if self.is_flat:
                self._rows = self._flat_rows()
            else:
                self._rows = [row for leaf in self.leaves if leaf.rows is not None for row in leaf.rows]
        return self._rows

    @property
    def items(self) -> list[msgspec.Raw]:
        """Return the JSON of each row of a flat answer."""
        if self._raw is None:
            return [msgspec.Raw(orjson.dumps(item)) for item in self._data or ()]
        return _items.decode(self._raw) or []

    def rows_with(self, fields: frozenset[str]) -> list[Any]:
        """Return the points as records with at least these fields of a row. They are shared: do not change them."""
        if self._rows is None and (self.is_flat or self._raw is not None):
            if self._some is None:
                self._some = fields, self._flat_rows(fields) if self.is_flat else self._grouped_rows(fields)
            known, rows = self._some
            if fields <= known:
                return rows
        # A second request for more fields decodes whole rows, so that rows are decoded twice at most.
        return self.rows

    @property
    def leaves(self) -> list[Leaf]:
        """Return the leaves of a grouped answer, in order. A flat one has none."""
        if self._leaves is None:
            self._leaves = [] if self.is_flat else flatten(self.data)
        return self._leaves

    def _grouped_rows(self, fields: frozenset[str]) -> list[Any]:
        assert self._raw is not None  # noqa: S101 -- see the caller
        try:
            return decode_fields(rows_below(self._raw), fields)
        except (ValueError, RecursionError) as exc:
            raise undecodable(self.body, self._path, "a report") from exc

    def _flat_rows(self, fields: frozenset[str] | None = None) -> list[Any]:
        if self._raw is None:
            return rows_at(self._data) if self._data else []
        if self._raw[0] != ord("["):
            return []
        try:
            return decode_rows(self._raw) if fields is None else decode_fields(self._raw, fields)
        except ValueError as exc:
            raise undecodable(self.body, self._path, "a report's rows") from exc


def decode(body: bytes | Packed, path: str = REPORTING_PATH) -> Reporting:
    """Decode an answer. Raises InvalidResponse if the body is not an object with `data`: an object, an array or null.

    A packed body that begins with an array is not checked further until it is read.
    """
    if isinstance(body, Packed):
        if is_array(body):
            return Reporting(packed=body, path=path)
        if len(body) > MAX_BODY_BYTES:
            raise too_large(path, MAX_BODY_BYTES)
        body = bytes(body)
    raw, page_info = _opened(body, path)
    return Reporting(body=body, raw=raw, page_info=page_info, path=path)


def _opened(body: bytes, path: str) -> tuple[memoryview, dict[str, Any] | None]:
    try:
        envelope = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise undecodable(body, path, "a report") from exc
    raw = memoryview(envelope.data)
    if not raw or raw[0] not in b"{[n":
        raise undecodable(body, path, "a report with its data")
    return raw, envelope.page_info if isinstance(envelope.page_info, dict) else None


def _arrays(body: Packed | Unpacked) -> Iterator[bytes | memoryview]:
    """Yield the rows of a packed body as arrays. Raises ValueError if it cannot be cut."""
    for array in arrays(body):
        if not array.startswith(b"{"):
            yield array
            continue
        end = memoryview(_envelope.decode(array).data)
        # Two faults to find: a second `data`, which would win over the first, and a comma without an item after it.
        if array.find(end, 0, len(end) + 8) != 8 or is_empty(end):
            raise ValueError("not one array as data")
        yield end
