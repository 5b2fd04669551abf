from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import parse_rfc3339, resolve
from facade.graph.scalars import parse_duration_text, parse_time, rfc3339, serialize_time

UNITS = "smhdwM"
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
# Each unit once: two of 9,999 months reach back to before the calendar's first year.
parts = st.tuples(st.integers(1, 9999), st.sampled_from(UNITS))
durations = st.lists(parts, min_size=1, max_size=4, unique_by=lambda part: part[1]).map(
    lambda parts: "".join(f"{number}{unit}" for number, unit in parts)
)


@given(moments)
def test_rfc3339_goes_up_as_it_was_written(moment):
    for text in (moment.isoformat(), moment.isoformat().replace("+00:00", "Z")):
        assert parse_time(text) == text


@given(moments)
def test_epoch_milliseconds_become_the_same_moment_in_rfc3339(moment):
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    if moment.timestamp() < 1_000_000_000:
        return
    for value in (int(moment.timestamp() * 1000), str(int(moment.timestamp() * 1000))):
        assert abs(parse_rfc3339(parse_time(value)) - moment) < timedelta(milliseconds=2)


@given(durations)
def test_relative_times_and_durations_go_up_as_they_were_written(text):
    assert parse_time(f"-{text}") == f"-{text}"
    assert parse_duration_text(text) == text


@given(moments)
def test_times_are_serialised_in_utc_with_z_and_three_digits_or_none(moment):
    text = serialize_time(moment.isoformat())
    assert text.endswith("Z")
    seconds = text[:-1].partition(".")
    assert len(seconds[2]) in (0, 3)
    assert abs(parse_rfc3339(text) - moment) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "yesterday",
        "2025",
        "2025-13-01",
        "2025-10-14T15:00:00",
        "-",
        "-5",
        "-5x",
        "24h",
        "--1h",
        True,
        1.5,
        [],
        {},
        None,
    ],
)
def test_a_nonsense_time_is_refused_with_what_is_accepted(nonsense):
    with pytest.raises(GraphQLError, match=r"RFC 3339, .*-24h") as error:
        parse_time(nonsense)
    assert error.value.extensions["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("nonsense", ["", "5", "m", "-5m", "5 minutes", "1.5h", 5, None, True])
def test_a_nonsense_duration_is_refused_with_what_is_accepted(nonsense):
    with pytest.raises(GraphQLError, match="1h30m") as error:
        parse_duration_text(nonsense)
    assert error.value.extensions["code"] == "BAD_USER_INPUT"


@given(st.text(max_size=30))
def test_whatever_is_taken_as_a_time_can_be_resolved(text):
    try:
        taken = parse_time(text)
    except GraphQLError:
        return
    resolve(taken, datetime(2025, 10, 14, tzinfo=UTC))


def test_a_bare_date_is_its_midnight_for_reporting_and_all_else_is_left_alone():
    assert rfc3339("2025-10-14") == "2025-10-14T00:00:00Z"
    assert rfc3339("-1d") == "-1d"
    assert rfc3339("2025-10-14T01:00:00+02:00") == "2025-10-14T01:00:00+02:00"


@pytest.mark.parametrize(
    ("upstream", "time"),
    [
        (1667888615000, "2022-11-08T06:23:35Z"),
        (1667888615900, "2022-11-08T06:23:35.900Z"),
        ("2025-10-14T15:00:00Z", "2025-10-14T15:00:00Z"),
        ("2021-06-22 22:35:10.655000+00:00", "2021-06-22T22:35:10.655Z"),
        ("2025-10-14T17:00:00+02:00", "2025-10-14T15:00:00Z"),
        ("no time", None),
        (None, None),
    ],
)
def test_what_the_upstream_writes_is_serialised_alike(upstream, time):
    assert serialize_time(upstream) == time
