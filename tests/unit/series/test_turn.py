"""Work on many rows is done in steps, between which other tasks run."""

import asyncio
import json
import math
from collections import Counter
from itertools import pairwise

import pytest

from facade.butlr.reporting import SLICED_FROM, decode
from facade.series.columns import Builder
from facade.series.turn import ROWS_AT_ONCE, Turn

SENSORS = [f"sensor_{number:03}" for number in range(20)]


def rows_of(sensor, count=700):
    return [
        {
            "time": f"2026-11-24T{at // 60:02}:{at % 60:02}:00Z",
            "value": at,
            "measurement": "presence",
            "sensor_id": sensor,
        }
        for at in range(count)
    ]


async def turns_during(work):
    """How often others had their turn while the work was done."""
    turns = 0
    task = asyncio.ensure_future(work)
    while not task.done():
        turns += 1
        await asyncio.sleep(0)
    return turns, task.result()


def test_a_large_answer_is_decoded_some_rows_at_a_time():
    rows = [row for sensor in SENSORS for row in rows_of(sensor)]
    body = json.dumps({"data": rows, "page_info": {"page": 1}}).encode()
    assert len(body) > SLICED_FROM
    slices = list(decode(body).in_series())
    assert max(sum(len(one.times) for one in some) for some in slices) <= 5 * ROWS_AT_ONCE
    assert len(slices) > 3
    assert [value for some in slices for one in some for value in one.values] == [float(row["value"]) for row in rows]


@pytest.mark.parametrize(
    "layout", ['{"page_info": {}, "data": %s}', '{"data": %s, "page_info": {}}', ' { "data" : %s }']
)
@pytest.mark.parametrize("dirt", [None, 7, {"value": "3", "sensor_id": 5, "more": [[{}]]}])
def test_slices_are_the_rows_however_the_answer_is_laid_out(layout, dirt):
    rows = [row for sensor in SENSORS for row in rows_of(sensor)]
    if dirt is not None:
        rows.insert(4321, dirt)
    body = (layout % json.dumps(rows)).encode()
    sliced = [
        (time, None if math.isnan(value) else value, one.row.sensor_id)
        for some in decode(body).in_series()
        for one in some
        for time, value in zip(one.times, one.values, strict=True)
    ]
    whole = decode(body).rows
    assert Counter(sliced) == Counter((row.time, row.value, row.sensor_id) for row in whole)


async def test_columns_are_made_in_turns():
    rows = [row for sensor in SENSORS for row in rows_of(sensor)]
    builder = Builder("sensor_id")
    for some in decode(json.dumps({"data": rows}).encode()).in_series():
        builder.add(some)
    turns, columns = await turns_during(builder.columns(Turn()))
    # A column is made at once.
    assert turns >= len(rows) // (2 * ROWS_AT_ONCE)
    assert list(columns) == SENSORS
    assert all(before <= after for before, after in pairwise(columns["sensor_000"][0].times))
