"""Large bodies are packed, and read again in parts with the same rows."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import BadInput, Butlr, Http, InvalidResponse, Row, decode_reporting
from facade.butlr.packed import Packed, _Parts, arrays, is_array

FIELDS = frozenset({"time", "value", "room_id"})
# What is made to look like the end of a row, or of the array, where it is none.
TRICKY = st.text(st.sampled_from('},{"\\[]: aü\n'), max_size=12)


def packed(body: bytes, piece: int, at_once: int = 7) -> Packed:
    made = Packed(piece)
    asyncio.run(made.add([body[at : at + at_once] for at in range(0, len(body), at_once)]))
    made.finish()
    return made


def parts_of(reporting: Any) -> list[Any]:
    return [tuple(getattr(row, name) for name in sorted(FIELDS)) for part in reporting.parts(FIELDS) for row in part]


rows = st.lists(
    st.fixed_dictionaries(
        {"time": TRICKY, "value": st.floats(-9, 9)},
        optional={
            "room_id": TRICKY,
            "odd": st.recursive(TRICKY, lambda below: st.lists(below, max_size=3) | st.dictionaries(TRICKY, below)),
        },
    ),
    min_size=1,
    max_size=30,
)
spaces = st.sampled_from([(",", ":"), (", ", ": "), (",\n", ":")])


@given(rows, spaces, st.integers(30, 400), st.booleans())
def test_parts_put_together_are_the_rows(rows: list[dict[str, Any]], spaces: Any, piece: int, escaped: bool) -> None:
    body = json.dumps(
        {"data": rows, "page_info": {"a": "},", "b": [{}, {}]}}, separators=spaces, ensure_ascii=escaped
    ).encode()
    whole = packed(body, piece)
    assert bytes(whole) == body
    assert len(whole) == len(body)
    try:
        found = parts_of(decode_reporting(whole))
    except ValueError:
        # A row many times as large as a piece.
        assert max(len(json.dumps(row)) for row in rows) > 4 * piece
        return
    assert found == [
        tuple(getattr(row, name) for name in sorted(FIELDS)) for row in decode_reporting(body).rows_with(FIELDS)
    ]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_come_back_as_they_were(body: bytes, piece: int) -> None:
    made = packed(body, piece)
    assert b"".join(made.pieces()) == body
    assert all(len(part) <= piece for part in made.pieces())


def test_parts_are_about_a_piece_each() -> None:
    body = json.dumps({"data": [{"time": f"{at}", "value": at} for at in range(2000)]}).encode()
    sizes = [len(part) for part in arrays(packed(body, 1000))]
    assert len(sizes) > len(body) / 2000
    assert max(sizes) < 2200


CUT = [
    b'{"data":[{"value":1},{"value":2}',
    b'{"data":[{"value":1},{"value":2}]',
    b'{"data":[{"value":1},{"value":2},]}',
    b'{"data":[{"value":1},,{"value":2}]}',
    b'{"data":[{"value":1}{"value":2}]}',
    b'{"data":[{"value":1},{"value":2}]} {}',
    b'{"data":[{"value":1},{"value":2}],"data":[]}',
    b'{"data":[{"value":1},{"value":2}],"data":[{"value":1},{"value":2}]}',
]


@pytest.mark.parametrize("body", CUT)
def test_what_is_not_one_array_has_no_parts(body: bytes) -> None:
    body = body.replace(b'[{"value":1}', b"[" + b",".join([b'{"value":0}'] * 40) + b',{"value":1}', 1)
    with pytest.raises(ValueError):  # noqa: PT011 -- whatever says so
        parts_of(decode_reporting(packed(body, 64)))


def test_a_packed_report_says_all_that_the_bytes_say() -> None:
    data = [{"time": "2025-10-14T00:00:00Z", "value": at, "room_id": ""} for at in range(50)]
    body = json.dumps({"data": data, "page_info": {"page": 2}}).encode()
    report, same = decode_reporting(packed(body, 100)), decode_reporting(body)
    assert (report.is_flat, report.is_empty, report.is_empty_object, report.leaves) == (True, False, False, [])
    assert report.is_packed
    assert parts_of(report) == [(None, "2025-10-14T00:00:00Z", float(at)) for at in range(50)]
    assert list(report.each_row()) == list(same.each_row()) == same.rows
    assert report.is_packed
    assert report.page_info == {"page": 2}
    assert (report.data, report.body, report.rows, report.items) == (same.data, body, same.rows, same.items)
    assert not same.is_packed
    # Once it is there as a whole there is nothing to be gained by parts.
    assert report.parts is None


def test_a_dirty_part_is_read_as_tolerantly_as_ever() -> None:
    data = [{"value": 1}] * 40 + [{"value": "3", "room_id": 7}, None] + [{"value": 2}] * 40
    body = json.dumps({"data": data}).encode()
    found = parts_of(decode_reporting(packed(body, 80)))
    assert found == [(row.room_id, row.time, row.value) for row in decode_reporting(body).rows]
    assert list(decode_reporting(packed(body, 80)).each_row()) == decode_reporting(body).rows
    assert any(type(row) is Row for part in decode_reporting(packed(body, 80)).parts(FIELDS) for row in part)  # type: ignore[misc]


@pytest.mark.parametrize("body", [b'{"data":{"room_1":{"mean":1}}}', b'{"page_info":{},"data":[]}', b'{"data":null}'])
def test_what_does_not_begin_with_an_array_is_read_as_a_whole(body: bytes) -> None:
    assert not is_array(packed(body, 10))
    report = decode_reporting(packed(body, 10))
    assert report.parts is None
    assert report.data == json.loads(body)["data"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b'{"data":7}'])
def test_what_is_no_report_is_refused_packed_as_well(body: bytes) -> None:
    with pytest.raises(InvalidResponse):
        decode_reporting(packed(body, 10))


async def test_a_large_report_comes_packed_and_nothing_else_does() -> None:
    body = json.dumps({"data": [{"value": at} for at in range(100)]}).encode()
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=body))
    async with Http("http://butlr.test", transport=transport, packed_from=100) as http:
        butlr = Butlr(http)
        report = await butlr.reporting(b"{}", "token")
        assert isinstance(report.content, Packed)
        assert (bytes(report.content), report.body) == (body, b"")
        for call in (butlr.reporting_csv, butlr.detections, butlr.stats, butlr.native):
            other = await call(b"{}", "token")
            assert (other.content, other.body, other.packed) == (body, body, None)


async def test_what_is_said_of_an_error_is_not_packed() -> None:
    body = json.dumps({"message": "x" * 200}).encode()
    transport = httpx.MockTransport(lambda _request: httpx.Response(400, content=body))
    async with Http("http://butlr.test", transport=transport, packed_from=100) as http:
        with pytest.raises(BadInput, match="xxx"):
            await Butlr(http).reporting(b"{}", "token")


async def test_what_is_not_large_comes_as_it_is() -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=b'{"data":[]}'))
    async with Http("http://butlr.test", transport=transport) as http:
        assert (await Butlr(http).reporting(b"{}", "token")).content == b'{"data":[]}'


async def test_packed_bodies_have_a_bound_too() -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=b"x" * 401))
    async with Http("http://butlr.test", transport=transport, packed_from=10, max_body_bytes=100) as http:
        with pytest.raises(InvalidResponse, match="larger than 400 bytes"):
            await Butlr(http).reporting(b"{}", "token")


@pytest.mark.parametrize("size", [1, 100, 131_072, 131_073, 1 << 20])
def test_parts_larger_than_any_buffer_are_read_in_the_sizes_asked_for(size: int) -> None:
    # Incompressible: the compressed parts are as large as what went in.
    body = random.Random(7).randbytes(3 << 20)
    whole = packed(body, 1 << 16, at_once=1 << 20)
    reader = _Parts(whole._parts)
    read = []
    while chunk := reader.read(size):
        assert len(chunk) <= size
        read.append(chunk)
    assert b"".join(read) == b"".join(whole._parts)


def test_a_body_that_does_not_compress_is_the_same_when_it_is_read_again() -> None:
    """In a process of its own: what writes past a buffer may end it."""
    script = """
import asyncio, random
from facade.butlr.packed import Packed
body = random.Random(7).randbytes(5 << 20)
for at_once in (1 << 20, 5 << 20):
    made = Packed()
    asyncio.run(made.add([body[at : at + at_once] for at in range(0, len(body), at_once)]))
    made.finish()
    assert bytes(made) == body
print("whole")
"""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONMALLOC": "debug"},
    )
    assert (ended.returncode, ended.stdout) == (0, "whole\n"), ended.stderr


@pytest.mark.parametrize("end", ['], "page_info": {}}', "", "]", "],}", ",]}"])
async def test_a_packed_answer_is_checked_without_being_unpacked_whole(end: str) -> None:
    """And is held with all that it came with."""
    body = '{"data": [' + ",".join(json.dumps({"time": str(at), "value": at}) for at in range(90)) + end
    whole = Packed(300)
    await whole.add([body.encode()])
    whole.finish()
    reporting = decode_reporting(whole)
    if end.startswith("], "):
        await reporting.check()
        assert bytes(reporting.held) == body.encode()
        assert all(len(piece) <= 300 for piece in whole.pieces())
    else:
        with pytest.raises(InvalidResponse):
            await reporting.check()
    assert reporting.is_packed
