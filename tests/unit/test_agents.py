"""What the tools for assistants are made of."""

import json
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from facade.agents.asking import Refused
from facade.agents.campus import Campus
from facade.agents.chart import MOST_POINTS, MOST_SERIES, chart_of
from facade.agents.devices import _state
from facade.agents.endpoint import PATH
from facade.agents.selecting import Where
from facade.agents.texts import cleaned, people, plain, quoted, sampled
from facade.agents.times import LocalSpan, floor_of, freshness_in_words, span_of
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
        # No span goes beyond now.
        ("yesterday", "tomorrow", ("2026-01-05T00:00-05:00", "2026-01-06T23:30-05:00")),
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
    with pytest.raises(Refused) as refused:
        span_of(start, stop, NEW_YORK, NOW)
    assert ("still to come" in str(refused.value)) == (start in ("tomorrow", "now"))


def test_this_week_is_compared_with_the_same_days_of_the_last():
    before = span_of("this week", None, NEW_YORK, NOW).before().as_text()
    assert (before["start"], before["stop"]) == ("2025-12-29T00:00-05:00", "2025-12-30T23:30-05:00")


@pytest.mark.parametrize(
    ("now", "start", "expected"),
    [
        # A Monday morning is compared with a Monday morning, and not with the Sunday before.
        ("2026-01-05T15:00", "this week", ("2025-12-29T00:00-05:00", "2025-12-29T10:00-05:00")),
        ("2026-01-05T15:00", "today", ("2025-12-29T00:00-05:00", "2025-12-29T10:00-05:00")),
        # The clock was changed on 1 November: 9 o'clock is compared with 9 o'clock.
        ("2026-11-02T14:00", "today", ("2026-10-26T00:00-04:00", "2026-10-26T09:00-04:00")),
        ("2026-01-07T04:30", "-14d", ("2025-12-09T23:30-05:00", "2025-12-23T23:30-05:00")),
    ],
)
def test_hours_are_compared_with_those_of_the_same_weekdays(now, start, expected):
    before = span_of(start, None, NEW_YORK, datetime.fromisoformat(f"{now}+00:00")).before().as_text()
    assert (before["start"], before["stop"]) == expected


@pytest.mark.parametrize(
    ("moment", "every", "zone", "begins"),
    [
        ("2026-11-01T05:45+00:00", "1h", "America/New_York", "2026-11-01T01:00-04:00"),
        ("2026-11-01T06:45+00:00", "1h", "America/New_York", "2026-11-01T01:00-05:00"),
        ("2026-11-01T23:45+00:00", "1d", "America/New_York", "2026-11-01T00:00-04:00"),
        ("2026-11-01T10:10+00:00", "1h", "Asia/Kolkata", "2026-11-01T15:00+05:30"),
    ],
)
def test_windows_begin_by_the_zones_clock(moment, every, zone, begins):
    assert floor_of(datetime.fromisoformat(moment), every, ZoneInfo(zone)).isoformat(timespec="minutes") == begins


def test_what_has_not_landed_is_said():
    span = span_of("today", None, NEW_YORK, NOW)
    read = {"as_of": "2026-01-07T04:30:00Z", "settled_until": "2026-01-07T02:00:00Z", "partial": False}
    said = freshness_in_words(read, span, datetime(2026, 1, 7, 3, tzinfo=UTC))
    assert said == (
        "Read at Tue 6 Jan 2026 23:30 (America/New_York). Final up to Tue 6 Jan 2026 21:00; what is later may still "
        "change. What came after Tue 6 Jan 2026 22:00 has not landed yet."
    )
    final = freshness_in_words({**read, "settled_until": "2026-01-07T05:00:00Z"}, span, NOW - timedelta(hours=2))
    assert final.endswith("All of it is final.")
    assert freshness_in_words(None, span) == "How fresh this is is not known."


def campus(tags: list[dict[str, str]] | None = None) -> Campus:
    floors = [{"id": f"space_{at}", "name": "Floor 1", "building": {"id": f"building_{at}"}} for at in (1, 2)]
    rooms = [
        {"id": f"room_{name}_{at}", "name": name, "floor": {"id": f"space_{at}"}, "tags": tags}
        for at in (1, 2)
        for name in ("Cafe", "Lab")
    ]
    rooms.append({"id": "room_only", "name": "Auditorium", "floor": {"id": "space_1"}, "capacity": {"max": 60}})
    buildings = [{"id": f"building_{at}", "name": name} for at, name in ((1, "Alder"), (2, "Birch"))]
    parts = {"buildings": buildings, "floors": floors, "rooms": rooms, "zones": []}
    return Campus({name: {"data": records} for name, records in parts.items()})


def chosen(known: Campus, **given: Any) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    places = Where.model_validate(given).chosen(known, notes)
    return [place.id for place in places], notes


def test_what_a_name_was_taken_for_is_said():
    ids, (note,) = chosen(campus(), places=["Cafe"])
    assert ids == ["room_Cafe_1", "room_Cafe_2"]
    assert note.startswith(
        '"Cafe" names 2 rooms, and all are read: "Cafe" (Alder / Floor 1), "Cafe" (Birch / Floor 1).'
    )
    assert chosen(campus(), places=["Cafe"], building="Birch") == (["room_Cafe_2"], [])
    assert chosen(campus(), places=["auditorum"]) == (
        ["room_only"],
        ['"auditorum" was taken for "Auditorium" (Alder / Floor 1).'],
    )
    ids, (note,) = chosen(campus(), places=["Cafe", "Auditorium"], building="Birch")
    assert ids == ["room_Cafe_2"]
    assert note == 'What "Auditorium" names does not fit the other filters.'
    # A building stands for its floors, unless a kind is given.
    assert chosen(campus(), places=["Birch"])[0] == ["space_2"]
    assert chosen(campus(), places=["Birch"], kind="room")[0] == ["room_Cafe_2", "room_Lab_2"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"places": ["Zzz"]},
            'called "Zzz" or much like it. There are "Alder", "Auditorium", "Birch", "Cafe", "Floor 1"',
        ),
        ({"tag": "Quiet"}, "No source of assets knows the tag of these 5 rooms."),
        ({"room_type": "cafe"}, "No source of assets knows the room type of these 5 rooms."),
        ({"min_capacity": 61}, "No room that fits is that large: 60 is the most."),
        ({"places": ["Cafe"], "min_capacity": 2}, "The capacity of none of these 2 rooms is known."),
        ({"kind": "zone"}, "No zone that fits is known to any source of assets."),
        ({"kind": "room", "places": ["Lab"], "floor": "Floor 7 of none"}, "No floor is called"),
    ],
)
def test_what_does_not_fit_is_told_from_what_is_not_known(given, said):
    with pytest.raises(Refused) as refused:
        chosen(campus(), **given)
    assert said in str(refused.value)


def test_a_tag_that_is_not_there_is_told_from_tags_that_nobody_knows():
    with pytest.raises(Refused, match=r'has the tag "Loud". There are "Quiet"'):
        chosen(campus(tags=[{"name": "Quiet"}]), places=["Cafe"], tag="Loud")
    assert chosen(campus(tags=[{"name": "Quiet"}]), kind="room", tag="quiet") == (
        ["room_Cafe_1", "room_Lab_1", "room_Cafe_2", "room_Lab_2"],
        ["Left out is 1 room whose tag is not known."],
    )


def test_a_name_that_was_shown_is_found_again():
    known = campus()
    long = "x\u202e\x00" * 100 + "y" * 100
    known.places[-1] = replace(known.places[-1], name=long)
    assert [place.id for place in known.named(plain(long), ["room"])] == ["room_only"]


def test_a_sensor_that_no_row_names_any_more_is_silent():
    assert _state(None, NOW - timedelta(hours=15), NOW) == "silent"
    assert _state(None, NOW - timedelta(hours=13), NOW) == "unknown"
    assert _state(None, None, NOW) == "unknown"
    assert _state(False, NOW, NOW) == "offline"


def test_a_chart_is_bounded_and_holds_names_as_data():
    points = [(f"2026-01-06T00:{at % 60:02}:00Z", float(at)) for at in range(MOST_POINTS // 2)]
    span = LocalSpan(NOW - timedelta(days=1), NOW, NEW_YORK)
    chart = chart_of([("a\u202eb", 3, points), ("c", None, points), ("d", None, points)], span, "1h", shape="steps")
    assert [(series["name"], len(series["values"])) for series in chart["series"]] == [
        ("ab", len(points)),
        ("c", len(points)),
    ]
    many = chart_of([(str(at), None, points[:2]) for at in range(50)], span, "15m", shape="bars")
    assert len(many["series"]) == MOST_SERIES
    assert (many["every"], many["zone"]) == (900, "America/New_York")


def test_numbers_are_as_people_write_them():
    assert cleaned({"values": [8.0, 2.5, True, None, float("inf")]})["values"] == [8, 2.5, True, None, float("inf")]
    assert (people(1), people(0), people(2.346)) == ("1 person", "0 people", "2.35 people")


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


def test_the_configuration_in_the_docs_is_what_applications_and_the_facade_read():
    text = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()
    command, address = (json.loads(block) for block in re.findall(r"```json[^\n]*\n(.*?)```", text, re.DOTALL))
    started = command["mcpServers"]["butlr"]
    assert started["command"] == "facade"
    assert [f"facade {word}" for word in started["args"]] == ["facade mcp"]
    known = {field.validation_alias for field in Settings.model_fields.values()} | {"BUTLR_TOKEN"}
    assert set(started["env"]) <= known
    served = address["servers"]["butlr"]
    assert served["type"] == "http"
    assert served["url"].endswith(PATH)
    assert served["headers"]["Authorization"].startswith("Bearer ")
    assert f"claude mcp add --transport http butlr {served['url']} --header " in text
