"""What the tools for assistants are made of."""

import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from facade.agents.asking import Refused
from facade.agents.texts import plain, quoted, sampled
from facade.agents.times import span_of
from facade.agents.tool import bounded
from facade.app import create_app
from facade.settings import Settings, SettingsError

NEW_YORK = ZoneInfo("America/New_York")
# A Wednesday; 23:30 of the day before in New York's winter.
NOW = datetime(2026, 1, 7, 4, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        ("today", None, ("2026-01-06T00:00-05:00", "2026-01-06T23:30-05:00")),
        ("yesterday", None, ("2026-01-05T00:00-05:00", "2026-01-06T00:00-05:00")),
        ("this week", None, ("2026-01-05T00:00-05:00", "2026-01-06T23:30-05:00")),
        ("last week", None, ("2025-12-29T00:00-05:00", "2026-01-05T00:00-05:00")),
        ("2025-12-24", "2025-12-25", ("2025-12-24T00:00-05:00", "2025-12-26T00:00-05:00")),
        ("2025-12-24T09:00", "2025-12-24T17:00", ("2025-12-24T09:00-05:00", "2025-12-24T17:00-05:00")),
        ("-24h", None, ("2026-01-05T23:30-05:00", "2026-01-06T23:30-05:00")),
    ],
)
def test_a_span_is_of_the_buildings_days(start, stop, expected):
    said = span_of(start, stop, NEW_YORK, NOW).as_text()
    assert (said["start"], said["stop"], said["zone"]) == (*expected, "America/New_York")


@pytest.mark.parametrize(
    ("start", "stop"),
    [("tomorrow", None), ("now", "yesterday"), ("someday", None), ("-999999w", None), ("", None), ("9999-12-31", None)],
)
def test_a_span_that_is_none_is_refused(start, stop):
    with pytest.raises(Refused):
        span_of(start, stop, NEW_YORK, NOW)


def test_this_week_is_compared_with_the_same_days_of_the_last():
    before = span_of("this week", None, NEW_YORK, NOW).before().as_text()
    assert (before["start"], before["stop"]) == ("2025-12-29T00:00-05:00", "2025-12-30T23:30-05:00")


def test_a_name_is_one_short_line_without_what_cannot_be_seen():
    assert plain("a\x00\x1b[31m\u200b\u202e b\r\n\tc") == "a[31m b c"
    assert len(plain("x" * 500)) == 120
    assert quoted('say "yes"') == '"say \\"yes\\""'


def test_what_is_too_large_is_cut_and_says_so():
    answer = bounded({"summary": "Many.", "places": [{"name": "x" * 100}] * 1000}, most=5000)
    assert 0 < len(answer["places"]) < 50
    assert answer["more"].startswith("Shortened")
    assert sampled({"values": [1, 2, 3, 4, 5]}) == {
        "values": {"of": 5, "first": [1, 2, 3], "min": 1, "max": 5, "mean": 3.0}
    }


def test_without_the_extra_the_start_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("facade.agents")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp_types", None)
    with pytest.raises(SettingsError, match=r"FACADE_MCP needs: pip install 'butlr-graphql-facade\[mcp\]'"):
        create_app(Settings(_env_file=None, FACADE_MCP=True))
