"""Times with offsets at the end of daylight saving time, where the order of texts is not the order of times."""

import pytest

from .conftest import REPORTING

# 2026-11-01 in New York: half past one comes twice.
TIMES = [
    "2026-11-01T00:30:00-04:00",
    "2026-11-01T01:00:00-04:00",
    "2026-11-01T01:30:00-04:00",
    "2026-11-01T01:00:00-05:00",
    "2026-11-01T01:30:00-05:00",
    "2026-11-01T02:00:00-05:00",
]
IN_UTC = [f"2026-11-01T{clock}:00Z" for clock in ("04:30", "05:00", "05:30", "06:00", "06:30", "07:00")]
SPAN = 'start: "2026-11-01T04:00:00Z", stop: "2026-11-01T07:00:00Z", measurements: [presence]'
POINTS = "rows { time value } series { times values }"


def row(at):
    return {
        "time": TIMES[at],
        "value": at,
        "measurement": "presence",
        "field": "occupancy",
        "sensor_id": "sensor_1",
        "room_id": "room_1",
    }


@pytest.mark.parametrize("order", [range(6), range(5, -1, -1), (3, 1, 4, 0, 5, 2)], ids=["right", "reverse", "mixed"])
@pytest.mark.parametrize(
    ("arguments", "grouped"),
    [
        ("", False),
        (', window: {every: "30m", function: max}', False),
        (', window: {every: "30m", function: max, timezone: "America/New_York"}', False),
        (', group_by: {order: ["room_id"], raw: true}', True),
    ],
)
def test_series_are_in_the_order_of_instants(ask, stand_in, order, arguments, grouped):
    rows = [row(at) for at in order]
    stand_in.answers(REPORTING, {"data": {"room_1": rows} if grouped else rows})
    answer = ask(f"{{ report(filter: {{{SPAN}}}{arguments}) {{ {POINTS} }} }}")
    assert "errors" not in answer
    [series] = answer["data"]["report"]["series"]
    assert series["times"] == IN_UTC
    assert series["values"] == list(range(6))
    if "window" in arguments:
        # Those of an answer that is read whole keep the upstream's order.
        assert [each["time"] for each in answer["data"]["report"]["rows"]] == IN_UTC
