from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import Duration, format_rfc3339, parse_duration, parse_relative, parse_rfc3339, resolve, to_rfc3339

NOW = datetime(2025, 3, 31, 12, 0, tzinfo=UTC)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-10-14T15:04:43Z", utc(2025, 10, 14, 15, 4, 43)),
        ("2025-10-14t15:04:43z", utc(2025, 10, 14, 15, 4, 43)),
        ("2025-10-14", utc(2025, 10, 14)),
        ("2025-10-14T15:04", utc(2025, 10, 14, 15, 4)),
        ("2025-10-14T15:04:43", utc(2025, 10, 14, 15, 4, 43)),
        ("2025-10-14T15:04:43.5Z", utc(2025, 10, 14, 15, 4, 43, 500_000)),
        ("2025-10-14T15:04:43.123456789Z", utc(2025, 10, 14, 15, 4, 43, 123_456)),
        ("2025-10-14T15:04:43-07:00", utc(2025, 10, 14, 22, 4, 43)),
        ("2025-10-14T15:04:43+0530", utc(2025, 10, 14, 9, 34, 43)),
        ("2021-06-22 22:35:10.655000+00:00", utc(2021, 6, 22, 22, 35, 10, 655_000)),
        ("2016-12-31T23:59:60Z", utc(2017, 1, 1)),
    ],
)
def test_a_time_is_read(text, moment):
    assert parse_rfc3339(text) == moment
    assert parse_rfc3339(text).tzinfo is UTC


NO_TIMES = [
    "",
    "now",
    "2025",
    "2025-13-01",
    "2025-02-30T00:00:00Z",
    "2025-10-14T24:00:00Z",
    "2025-10-14T15:04:61Z",
    "2025-10-14T15:04:43+99:00",
    "0001-01-01T00:00:00+01:00",
    "2025-10-14T15:04:43Z\n",
    "\uff12\uff10\uff12\uff15-10-14",
    "25-10-14",
]


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_none(text):
    assert parse_rfc3339(text) is None
    assert to_rfc3339(text) is None


def test_a_time_is_written_in_utc_with_milliseconds_only_where_there_are_some():
    assert format_rfc3339(utc(2025, 1, 2, 3, 4, 5)) == "2025-01-02T03:04:05Z"
    assert format_rfc3339(utc(2025, 1, 2, 3, 4, 5, 7_900)) == "2025-01-02T03:04:05.007Z"
    assert format_rfc3339(utc(2025, 1, 2, 3, 4, 5, 999)) == "2025-01-02T03:04:05Z"
    assert format_rfc3339(datetime(2025, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == "2025-01-01T22:00:00Z"
    assert format_rfc3339(datetime(2025, 1, 2)) == "2025-01-02T00:00:00Z"  # noqa: DTZ001 - the case tested


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("2025-10-14T15:04:43Z", "2025-10-14T15:04:43Z"),
        ("2025-10-14T15:04:43.120Z", "2025-10-14T15:04:43.120Z"),
        ("2025-10-14T15:04:43.000Z", "2025-10-14T15:04:43Z"),
        ("2025-10-14T08:04:43-07:00", "2025-10-14T15:04:43Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        (1667888615000, "2022-11-08T06:23:35Z"),
        (1667888615900, "2022-11-08T06:23:35.900Z"),
        (1667888615900.0, "2022-11-08T06:23:35.900Z"),
        ("1667888615900", "2022-11-08T06:23:35.900Z"),
        (1667888615, "2022-11-08T06:23:35Z"),
        (1667888615.25, "2022-11-08T06:23:35.250Z"),
        (1667888615900000, "2022-11-08T06:23:35.900Z"),
        (1667888615900000000, "2022-11-08T06:23:35.900Z"),
        (0, "1970-01-01T00:00:00Z"),
        (None, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**30, None),
        (-(10**400), None),
    ],
)
def test_any_time_of_the_upstream_is_written_one_way(value, written):
    assert to_rfc3339(value) == written


moments = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9990, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy's own form


@given(moments)
def test_what_is_written_is_read_back_to_the_millisecond(moment):
    written = format_rfc3339(moment)
    assert parse_rfc3339(written) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert to_rfc3339(written) == written


@given(moments, st.integers(-23 * 60, 23 * 60))
def test_an_offset_changes_how_a_time_is_written_and_not_when_it_is(moment, minutes):
    there = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert parse_rfc3339(there.isoformat()) == moment
    assert to_rfc3339(there.isoformat()) == format_rfc3339(moment)


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z"))
def test_whatever_is_written_is_a_time(text):
    written = to_rfc3339(text)
    assert written is None or parse_rfc3339(written) is not None


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", Duration(0, 30)),
        ("5m", Duration(0, 300)),
        ("1h30m", Duration(0, 5400)),
        ("1w", Duration(0, 604_800)),
        ("1M", Duration(1, 0)),
        ("1M2d", Duration(1, 172_800)),
        ("0s", Duration(0, 0)),
    ],
)
def test_a_duration_is_read(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "5", "m", "-5m", "5 m", "1.5h", "5y", "1h ", "5m\n", "٣m", "1H", "9999999999s", "x" * 5000]
)
def test_what_is_no_duration_is_refused_with_what_is_accepted(text):
    with pytest.raises(ValueError, match="one or more numbers with a unit of s m h d w M: 30s") as caught:
        parse_duration(text)
    assert len(str(caught.value)) < 200


@given(st.lists(st.tuples(st.integers(0, 10**9 - 1), st.sampled_from("smhdwM")), min_size=1, max_size=6))
def test_a_duration_is_the_sum_of_its_parts(parts):
    found = parse_duration("".join(f"{count}{unit}" for count, unit in parts))
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 0}
    assert found.seconds == sum(count * seconds[unit] for count, unit in parts)
    assert found.months == sum(count for count, unit in parts if unit == "M")
    assert parse_relative("-" + "".join(f"{count}{unit}" for count, unit in parts)) == found


@pytest.mark.parametrize("text", ["24h", "-", "--24h", "+24h", "now", "-24", "-24h "])
def test_what_is_not_relative_is_none(text):
    assert parse_relative(text) is None


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("now", NOW),
        ("-24h", utc(2025, 3, 30, 12)),
        ("-1h30m", utc(2025, 3, 31, 10, 30)),
        ("-1M", utc(2025, 2, 28, 12)),
        ("-13M", utc(2024, 2, 29, 12)),
        ("-3M", utc(2024, 12, 31, 12)),
        ("2025-03-01", utc(2025, 3, 1)),
        ("2025-03-01T00:00:00+01:00", utc(2025, 2, 28, 23)),
        ("1667888615900", utc(2022, 11, 8, 6, 23, 35, 900_000)),
    ],
)
def test_a_requests_time_is_resolved(value, moment):
    assert resolve(value, NOW) == moment


@pytest.mark.parametrize("value", ["", "yesterday", "24h", "-999999999M", "-999999999w", "2025", "9" * 40])
def test_what_is_no_requests_time_is_refused_with_what_is_accepted(value):
    with pytest.raises(ValueError, match="give RFC 3339, a bare date, epoch milliseconds or seconds, or relative"):
        resolve(value, NOW)


@given(st.text(max_size=20) | st.from_regex(r"-?[0-9]{1,12}[smhdwM]?"))
def test_resolving_gives_a_moment_or_a_value_error(value):
    try:
        moment = resolve(value, NOW)
    except ValueError as exc:
        refusal = str(exc)
        assert "is not a time" in refusal
    else:
        assert moment.tzinfo is not None


def test_a_month_ahead_of_the_last_of_january_is_the_last_of_february():
    assert Duration(months=1).after(utc(2025, 1, 31)) == utc(2025, 2, 28)
    assert Duration(months=1).before(Duration(months=1).after(utc(2025, 5, 15))) == utc(2025, 5, 15)
