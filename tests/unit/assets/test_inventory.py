import asyncio
import os

import pytest
from structlog.testing import capture_logs

from facade.assets import Inventory, InventoryError, TokenProbe
from facade.butlr import Unauthenticated


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(write):
    return write("inventory.json", {"rooms": [{"id": "room_1"}]})


@pytest.fixture
def opened(path, upstream, clock):
    return Inventory(path, TokenProbe(upstream), clock=clock)


def test_a_start_without_the_file_fails_with_one_line(tmp_path, upstream):
    with pytest.raises(InventoryError, match="No such file"):
        Inventory(tmp_path / "none.json", TokenProbe(upstream))


async def test_a_changed_file_is_read_again_a_second_later(opened, path, clock, good, read_log):
    assert (await opened.assets(good, read_log)).rooms.keys() == {"room_1"}
    path.write_text('{"rooms": [{"id": "room_22"}]}')
    assert (await opened.assets(good, read_log)).rooms.keys() == {"room_1"}
    clock.now += 1
    assert (await opened.assets(good, read_log)).rooms.keys() == {"room_22"}


async def test_an_unchanged_file_is_the_same_assets(opened, clock, good, read_log):
    first = await opened.assets(good, read_log)
    clock.now += 5
    assert await opened.assets(good, read_log) is first


async def test_a_file_replaced_by_one_of_equal_size_and_time_is_read_again(opened, path, clock, good, read_log):
    old = path.stat()
    other = path.with_name("new.json")
    other.write_text(path.read_text().replace("room_1", "room_2"))
    os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
    other.replace(path)
    clock.now += 1
    assert (await opened.assets(good, read_log)).rooms.keys() == {"room_2"}


async def test_an_invalid_version_keeps_the_old_one_and_is_said_once_each(opened, path, clock, good, read_log):
    before = await opened.assets(good, read_log)
    with capture_logs() as logs:
        for text in ('{"rooms": [{"id": 3}]}', '{"rooms": [{"id": "a", "note": 5}]}'):
            path.write_text(text)
            for _ in range(3):
                clock.now += 1
                assert await opened.assets(good, read_log) is before
        path.unlink()
        for _ in range(3):
            clock.now += 1
            assert await opened.assets(good, read_log) is before
    assert [(line["log_level"], line["error"].removeprefix(str(path))) for line in logs] == [
        ("warning", ":1: rooms[0].id: expected text, got 3; put it in quotes"),
        ("warning", ":1: rooms[0].note: expected text, got 5; put it in quotes"),
        ("warning", ": No such file or directory; name an inventory that can be read"),
    ]
    path.write_text('{"rooms": [{"id": "room_3"}]}')
    clock.now += 1
    assert (await opened.assets(good, read_log)).rooms.keys() == {"room_3"}


async def test_many_callers_read_a_changed_file_once(opened, path, clock, good, read_log):
    await opened.assets(good, read_log)
    path.write_text('{"rooms": [{"id": "room_2"}]}')
    clock.now += 1
    with capture_logs() as logs:
        answers = await asyncio.gather(*(opened.assets(good, read_log) for _ in range(20)))
    assert {id(answer) for answer in answers} == {id(answers[0])}
    assert answers[0].rooms.keys() == {"room_2"}
    assert [line["event"] for line in logs] == ["inventory read again"]


async def test_a_caller_that_goes_away_does_not_end_the_reading_for_the_others(opened, path, clock, good, read_log):
    await opened.assets(good, read_log)
    path.write_text('{"rooms": [{"id": "room_2"}]}')
    clock.now += 1
    gone, waiting = (asyncio.create_task(opened.assets(good, read_log)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await waiting).rooms.keys() == {"room_2"}


async def test_a_folder_is_read_again_when_a_file_joins_it(write, tmp_path, upstream, clock, good, read_log):
    write("folder/rooms.json", {"rooms": [{"id": "room_1"}]})
    opened = Inventory(tmp_path / "folder", TokenProbe(upstream), clock=clock)
    write("folder/sensors.csv", "id\nsensor_1\n")
    clock.now += 1
    assert (await opened.assets(good, read_log)).sensors.keys() == {"sensor_1"}


def test_what_refers_to_nothing_is_warned_of_at_the_start(write, upstream):
    path = write("a.json", {"rooms": [{"id": "r"}], "sensors": [{"id": f"s{i}", "room_id": "x"} for i in range(9)]})
    with capture_logs() as logs:
        Inventory(path, TokenProbe(upstream))
    assert (logs[0]["count"], logs[0]["examples"][0]) == (9, "s0: no x in rooms")


async def test_a_made_up_token_sees_nothing_of_it(opened, bad, read_log):
    with pytest.raises(Unauthenticated):
        await opened.assets(bad, read_log)
