"""Counts of legacy calls: by day, and bounded."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from facade.execution.field_names import OperationFields
from facade.legacy.usage import KEPT_DAYS, MOST_ROWS, OTHERS, CallCounts, Usage, client_of, field_summary, summary

DAY = 86_400.0
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


def called(agent, path="/api/v3/reporting", status="2xx", client=""):
    return ("call", client, agent, path, "Report", status)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def usage(clock):
    return Usage(clock)


async def test_only_the_days_asked_for_are_counted_and_today_is_one(usage, clock):
    for _ in range(3):
        usage.note(called("a"))
        clock.now += DAY
    usage.note(called("a"))
    clock.now += DAY / 4
    assert [day for day, _, _ in await usage.counted(1)] == ["2026-03-13"]
    assert [day for day, _, _ in await usage.counted(2)] == ["2026-03-12", "2026-03-13"]
    assert len(await usage.counted(31)) == 4


async def test_days_end_at_midnight_utc(usage, clock):
    clock.now = datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC).timestamp()
    usage.note(called("a"))
    clock.now += 1
    usage.note(called("a"))
    assert [day for day, _, _ in await usage.counted(7)] == ["2026-03-10", "2026-03-11"]


async def test_days_that_are_no_longer_kept_take_no_room(usage, clock):
    for _ in range(3 * KEPT_DAYS):
        usage.note(called("a"))
        clock.now += DAY
    assert len(list(usage._counts)) == KEPT_DAYS


def test_callers_past_the_bound_are_counted_together():
    counts = CallCounts()
    for number in range(MOST_ROWS + 500):
        counts.add("2026-03-10", called(f"agent-{number}"))
    rows = {row: count for _, row, count in counts}
    assert len(rows) == MOST_ROWS + 1
    assert rows[called(OTHERS, client=OTHERS)] == 500
    assert sum(rows.values()) == MOST_ROWS + 500
    counts.add("2026-03-10", called("agent-7"))
    assert {row: count for _, row, count in counts}[called("agent-7")] == 2


def test_names_that_were_refused_leave_room_for_those_that_are_served():
    counts = CallCounts()
    for number in range(MOST_ROWS):
        counts.add("2026-03-10", called(f"made-up-{number}", status="4xx"))
    counts.add("2026-03-10", called("served"))
    rows = {row: count for _, row, count in counts}
    assert rows[called("served")] == 1
    assert rows[called(OTHERS, client=OTHERS, status="4xx")] == MOST_ROWS // 2


def test_a_summary_is_by_caller_and_path_with_the_most_frequent_first():
    counted = [
        ("2026-03-09", called("a"), 2),
        ("2026-03-10", called("a"), 1),
        ("2026-03-08", called("a", status="4xx"), 4),
        ("2026-03-10", called("", client="client_1"), 9),
        ("2026-03-10", ("replay", "/api/v3/reporting", "Report", "equal"), 5),
        ("2026-03-09", ("replay", "/api/v3/reporting", "Report", "different"), 1),
        ("2026-03-09", ("difference", "/api/v3/reporting", "data[].value"), 1),
        ("2026-03-10", ("call", "", "a", "/api/…", "", "4xx"), 1),
    ]
    path, report = {"path": "/api/v3/reporting"}, {"operation": "Report"}
    day = {"last_day": "2026-03-10"}
    assert summary(counted, 3) == {
        "days": 3,
        "calls": [
            {"client": "client_1", "agent": None, **path, **report, "calls": 9, **day, "statuses": {"2xx": 9}},
            {"client": None, "agent": "a", **path, **report, "calls": 7, **day, "statuses": {"2xx": 3, "4xx": 4}},
            {
                "client": None,
                "agent": "a",
                "path": "/api/…",
                "operation": None,
                "calls": 1,
                **day,
                "statuses": {"4xx": 1},
            },
        ],
        "operations": [],
        "replays": [{**path, **report, "replays": 6, "outcomes": {"equal": 5, "different": 1}}],
        "differences": [{**path, "field": "data[].value", "count": 1}],
    }


SELECTED = OperationFields("Rooms", "a" * 64, frozenset({"Query.rooms", "Room.name"}), frozenset({"Room.floorID"}))


def headers(name, version=b"1"):
    return (name, b"", b"", version, b"", b"agent/1")


def test_a_client_is_its_own_name_and_version_or_its_agent():
    assert client_of((b"app", b"x", b"", b"2", b"", b"agent/1")) == ("app", "2")
    assert client_of((b"", b"x", b"", b"", b"3", b"agent/1")) == ("x", "3")
    assert client_of((b"", b"", b"", b"3", b"", b"agent/1")) == ("agent/1", "")
    assert client_of((b"a\x1b[31m\xff" + b"b" * 500, b"", b"", b"", b"", b"")) == (
        "a[31m\N{REPLACEMENT CHARACTER}" + "b" * 93,
        "",
    )


async def test_operations_count_on_the_day_on_which_they_came(usage, clock):
    usage.operation(SELECTED, "ok", headers(b"app"))
    clock.now += DAY
    usage.operation(SELECTED, "ok", headers(b"app"))
    counted = await usage.counted(2)
    days = {(day, row[1]): count for day, row, count in counted if row[0] == "operation"}
    assert days == {("2026-03-10", "app"): 1, ("2026-03-11", "app"): 1}


async def test_operations_of_any_number_of_clients_are_few_rows_and_lose_none(usage):
    for number in range(3 * MOST_ROWS):
        usage.operation(SELECTED, "ok" if number % 2 else "partial", headers(b"app-%d" % number))
    counted = await usage.counted(1)
    operations = Counter()
    for _, row, count in counted:
        operations[row[0]] += count
        if row[0] == "field":
            operations[row[1]] += count
    assert len(counted) <= MOST_ROWS + 10
    assert operations["operation"] == operations["Room.name"] == operations["Room.floorID"] == 3 * MOST_ROWS


def test_a_field_is_unused_until_an_operation_selects_it():
    fields = {"Query.rooms": None, "Room.floorID": "use floor_id", "Room.name": None, "Room.note": "gone"}
    counted = [
        ("2026-03-09", ("field", "Query.rooms", "", ""), 3),
        ("2026-03-09", ("field", "Room.floorID", "app", "1"), 2),
        ("2026-03-10", ("field", "Room.floorID", "app", "1"), 1),
        ("2026-03-10", ("field", "Room.left_the_schema", "", ""), 1),
    ]
    assert field_summary(fields, counted, 7) == {
        "days": 7,
        "deprecated": [
            {
                "field": "Room.floorID",
                "client": "app",
                "version": "1",
                "operations": 3,
                "last_day": "2026-03-10",
                "reason": "use floor_id",
            }
        ],
        "used": [{"field": "Query.rooms", "operations": 3}, {"field": "Room.floorID", "operations": 3}],
        "unused": [{"field": "Room.name", "deprecated": False}, {"field": "Room.note", "deprecated": True}],
    }
