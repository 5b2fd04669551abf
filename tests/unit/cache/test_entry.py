import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.cache import Entry
from facade.cache.entry import HEAD

times = st.floats(0, 32_000_000_000)
entries = st.builds(
    Entry,
    body=st.binary(max_size=200),
    content_type=st.text(st.characters(codec="utf-8"), max_size=30).filter(str.isprintable),
    as_of=times,
    fresh_until=times,
    settled_until=st.none() | times,
    partial=st.booleans(),
)


@given(entries)
def test_an_entry_comes_back_as_it_was(entry):
    assert Entry.decode(entry.encode()) == entry


@given(entries, st.integers(0, HEAD * 2))
def test_a_head_is_all_but_the_body_from_so_many_bytes(entry, taken):
    encoded = entry.encode()
    head = Entry.decode_head(encoded[:taken])
    if taken >= len(encoded) - len(entry.body):
        assert head == replace(entry, body=b"")
    else:
        assert head is None
    assert len(encoded) - len(entry.body) <= HEAD


@given(entries, st.data())
def test_a_cut_or_lengthened_entry_is_none(entry, data):
    encoded = entry.encode()
    assert Entry.decode(encoded[: data.draw(st.integers(0, len(encoded) - 1))]) is None
    assert Entry.decode(encoded + data.draw(st.binary(min_size=1, max_size=8))) is None


@given(st.binary(max_size=100))
def test_bytes_that_no_entry_wrote_are_none(noise):
    assert Entry.decode(noise) is None


@given(entries, st.data())
def test_a_garbled_header_never_raises(entry, data):
    encoded = bytearray(entry.encode())
    end = len(encoded) - len(entry.body)
    encoded[data.draw(st.integers(0, end - 1))] ^= data.draw(st.integers(1, 255))
    for decoded in (Entry.decode(bytes(encoded)), Entry.decode_head(bytes(encoded))):
        assert decoded is None or isinstance(decoded, Entry)


def test_another_version_is_none(make_entry):
    encoded = bytearray(make_entry().encode())
    encoded[3] += 1
    assert Entry.decode(bytes(encoded)) is None


def test_a_header_that_is_not_utf_8_is_none(make_entry):
    encoded = make_entry(content_type="text/csv").encode()
    assert Entry.decode(encoded.replace(b"text/csv", b"text/\xff\xfev")) is None


def test_text_never_reads_as_an_entry(make_entry):
    with pytest.raises(UnicodeDecodeError):
        make_entry().encode().decode()


def test_the_wire_form_costs_little_more_than_the_body(make_entry):
    assert len(make_entry(b"x" * 1000).encode()) < 1100


def test_size_counts_what_grows(make_entry):
    assert make_entry(b"x" * 1000, content_type="text/csv").size == 1008


@pytest.mark.parametrize(
    "change",
    [
        {"content_type": "text/html\r\nSet-Cookie: a=b"},
        {"as_of": math.inf},
        {"fresh_until": math.nan},
        {"fresh_until": 1.8e12},
        {"as_of": -1.0},
        {"settled_until": math.inf},
    ],
)
def test_what_this_code_would_not_have_written_is_a_miss(change):
    entry = Entry(b"{}", "application/json", 1.0, 2.0, None, partial=False)
    assert Entry.decode(entry.encode()) == entry
    assert Entry.decode(replace(entry, **change).encode()) is None


@pytest.mark.parametrize("at", range(0, 60, 3))
def test_a_byte_that_was_changed_is_a_miss(at):
    data = bytearray(Entry(b"{" + b" " * 60 + b"}", "application/json", 1.0, 2.0, None, partial=False).encode())
    data[at] ^= 1
    assert Entry.decode(bytes(data)) is None
