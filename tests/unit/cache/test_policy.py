import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.cache import Lifetime, Rules, Span, asset_lifetime, lifetime

NOW = 1_750_000_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

ZONES = [
    # span relative to now, window, fresh_for, settled_until relative to now, partial
    pytest.param((-HOUR, None), 10.0, 10.0, -15 * MINUTE, False, id="reaches into now: about a window"),
    pytest.param((-HOUR, None), 1.0, 5.0, -15 * MINUTE, False, id="a window shorter than 5 s: 5 s"),
    pytest.param((-DAY, None), HOUR, 60.0, -2 * HOUR, False, id="a window longer than a minute: a minute"),
    pytest.param((-DAY - 1, None), HOUR, 60.0, -2 * HOUR - 1, True, id="windows count from the start of the span"),
    pytest.param((-DAY, -HOUR), HOUR, 60.0, -2 * HOUR, False, id="an hour that ended an hour ago may still come"),
    pytest.param((-DAY, -2 * HOUR), HOUR, DAY, -2 * HOUR, False, id="after two hours it is settled"),
    pytest.param((-9 * DAY, -HOUR), DAY, 60.0, -DAY, False, id="and so is a day"),
    pytest.param((-HOUR, None), None, 5.0, -15 * MINUTE, True, id="raw readings: the shortest, always unfinished"),
    pytest.param((-HOUR, 0.5), MINUTE, 60.0, -15 * MINUTE, False, id="a stop ahead of now is open"),
    pytest.param((-HOUR, 0.0), 10.0, 60.0, -15 * MINUTE, False, id="half-open: a stop at now has ended"),
    pytest.param((-HOUR, -MINUTE), 7 * MINUTE, 60.0, -18 * MINUTE, False, id="late: the last whole window before"),
    pytest.param((-HOUR, -14.99 * MINUTE), None, 60.0, -15 * MINUTE, False, id="late to the last moment"),
    pytest.param((-HOUR, -15 * MINUTE), MINUTE, DAY, -15 * MINUTE, False, id="settled as soon as nothing is late"),
    pytest.param((-DAY, -DAY + 90), MINUTE, DAY, -DAY + 90, False, id="settled whole, the cut last window included"),
    pytest.param((-10 * MINUTE, None), MINUTE, 60.0, None, False, id="too young for anything to be settled"),
    pytest.param((-15 * MINUTE, None), MINUTE, 60.0, None, False, id="a settled stretch of no length is none"),
    pytest.param((-HOUR, None), 2 * HOUR, 60.0, None, True, id="the only window is unfinished"),
    pytest.param((HOUR, None), MINUTE, 60.0, None, True, id="not begun"),
    pytest.param((-HOUR, None), 0.0, 5.0, -15 * MINUTE, True, id="a window of nothing is no window"),
]


@pytest.mark.parametrize(("span", "window", "fresh_for", "settled", "partial"), ZONES)
def test_zones(span, window, fresh_for, settled, partial):
    start, stop = span
    asked = Span(NOW + start, None if stop is None else NOW + stop)
    expected = Lifetime(fresh_for, None if settled is None else NOW + settled, partial)
    assert lifetime(asked, window, NOW) == expected


def test_a_span_that_cannot_be_told_is_the_least_sure():
    assert lifetime(None, None, NOW) == Lifetime(5.0, None, partial=True)
    assert lifetime(None, 30.0, NOW) == Lifetime(30.0, None, partial=True)


@pytest.mark.parametrize(
    ("stop", "fresh_for"), [(None, 5.0), (-MINUTE, 5.0), (-DAY, 600.0)], ids=["open", "late", "settled"]
)
def test_emptiness_is_kept_shorter(stop, fresh_for):
    span = Span(NOW - 2 * DAY, None if stop is None else NOW + stop)
    answer = lifetime(span, MINUTE, NOW, empty=True)
    assert answer.fresh_for == fresh_for
    assert answer.settled_until == lifetime(span, MINUTE, NOW).settled_until


@pytest.mark.parametrize(
    ("window", "ended", "newest", "fresh_for", "settled"),
    [
        (5 * MINUTE, 20 * MINUTE, 20 * MINUTE, DAY, 20 * MINUTE),
        (5 * MINUTE, 20 * MINUTE, 25 * MINUTE, 60.0, 25 * MINUTE),
        (5 * MINUTE, 120 * MINUTE, 125 * MINUTE, DAY, 120 * MINUTE),
        (HOUR, 3 * HOUR, 3 * HOUR, DAY, 3 * HOUR),
        (HOUR, 3 * HOUR, 4 * HOUR, 60.0, 4 * HOUR),
        (HOUR, 16 * HOUR, 17 * HOUR, DAY, 16 * HOUR),
    ],
    ids=["there", "missing", "missing for long", "an hour", "an hour missing", "an hour missing for long"],
)
def test_a_newest_window_that_is_missing_has_not_landed(window, ended, newest, fresh_for, settled):
    span = Span(NOW - 3 * DAY, NOW - ended)
    assert lifetime(span, window, NOW, newest=NOW - newest) == Lifetime(fresh_for, NOW - settled, partial=False)


@given(
    st.sampled_from([MINUTE, 5 * MINUTE, HOUR, DAY]),
    st.floats(-DAY, DAY),
    st.none() | st.floats(-DAY, DAY),
    st.floats(0, 2 * DAY),
)
def test_what_is_fresh_up_to_an_end_is_what_is_kept_for_so_long(window, end, newest, age):
    rules, as_of = Rules(), NOW
    end, newest = NOW + end, None if newest is None else NOW + newest
    up_to = rules.fresh_up_to(window, as_of, newest, as_of + age)
    if end <= up_to - 1e-3:
        assert rules.fresh_for(end, window, as_of, newest) >= age
    if end >= up_to + 1e-3:
        assert rules.fresh_for(end, window, as_of, newest) <= age


def test_rules_may_be_changed_one_by_one():
    rules = Rules(landing=HOUR, settled_for=10 * DAY, empty_settled_for=DAY)
    span = Span(NOW - DAY, NOW - 30 * MINUTE)
    assert lifetime(span, MINUTE, NOW, rules=rules) == Lifetime(60.0, NOW - HOUR, partial=False)
    assert lifetime(Span(0, HOUR), None, NOW, rules=rules).fresh_for == 10 * DAY
    assert lifetime(Span(0, HOUR), None, NOW, rules=rules, empty=True).fresh_for == DAY


@pytest.mark.parametrize(
    "wrong",
    [
        {"landing": -1.0},
        {"landing": 3 * HOUR},
        {"missing_for": 0.5},
        {"unsettled_least": 0.0},
        {"unsettled_least": 61.0},
        {"late_for": 59.0},
        {"settled_for": 59.0},
        {"empty_unsettled_for": 0.0},
        {"empty_settled_for": 4.0},
        {"landing": math.nan},
        {"settled_for": math.nan},
    ],
)
def test_rules_that_keep_the_less_sure_longer_are_refused(wrong):
    with pytest.raises(ValueError, match=r"lifetimes|landing"):
        Rules(**wrong)


def test_what_discovery_learnt_is_fresh_for_minutes():
    assert asset_lifetime == 300.0


offsets = st.floats(-40 * DAY, 2 * DAY)
windows = st.none() | st.floats(0.001, 40 * DAY)
spans = st.builds(
    lambda start, stop: Span(NOW + start, None if stop is None else NOW + stop), offsets, st.none() | offsets
)


@given(spans, windows, st.booleans())
def test_freshness_is_positive_and_has_a_greatest_age(span, window, empty):
    assert 0 < lifetime(span, window, NOW, empty=empty).fresh_for <= DAY


@given(spans, windows)
def test_what_is_settled_lies_in_the_span_and_is_no_longer_late(span, window):
    answer = lifetime(span, window, NOW)
    if answer.settled_until is not None:
        assert span.start < answer.settled_until <= NOW - 15 * MINUTE
        assert span.stop is None or answer.settled_until <= span.stop


@given(spans, windows, st.floats(0, 10 * DAY), st.booleans())
def test_an_answer_is_never_kept_shorter_for_having_been_asked_later(span, window, later, empty):
    before = lifetime(span, window, NOW, empty=empty)
    after = lifetime(span, window, NOW + later, empty=empty)
    assert after.fresh_for >= before.fresh_for
    if before.settled_until is not None:
        assert after.settled_until is not None
        assert after.settled_until >= before.settled_until


@given(spans, windows)
def test_emptiness_is_never_kept_longer_than_points(span, window):
    assert lifetime(span, window, NOW, empty=True).fresh_for <= lifetime(span, window, NOW).fresh_for


@given(spans, windows)
def test_only_what_reaches_into_now_is_partial(span, window):
    if lifetime(span, window, NOW).partial:
        assert span.stop is None or span.stop > NOW


@given(st.integers(1, 10_000), st.integers(1, 3599), st.integers(0, 3600))
def test_the_settled_stretch_of_an_open_span_is_whole_windows(windows_before, window, into):
    start = NOW - windows_before * window - into
    until = lifetime(Span(start), float(window), NOW).settled_until
    if until is not None:
        assert (until - start) % window == 0
        assert until + window > NOW - 15 * MINUTE
