import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from facade.assets import Assets, Composed, Discovery, Inventory, InventoryError, Native, TokenProbe, build_source
from facade.assets.records import RoomRecord, SensorRecord
from facade.butlr import Forbidden, RateLimited, Unauthenticated, UpstreamTimeout, UpstreamUnavailable
from facade.series import Labels

REPORTING = "/api/v3/reporting"


class Source:
    """Answers with `said`, or raises it."""

    knows = frozenset()

    def __init__(self, name, said):
        self.name = name
        self.said = said
        self.started = asyncio.Event()
        self.waits_for = None

    async def assets(self, caller, read_log):
        self.started.set()
        if self.waits_for:
            await self.waits_for.wait()
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def rooms(**names):
    return Assets(rooms={id_: RoomRecord(id=id_, name=name) for id_, name in names.items()})


async def test_the_first_that_knows_a_field_wins(good, read_log):
    first = Assets(sensors={"s": SensorRecord(id="s", name="mine")})
    second = Assets(sensors={"s": SensorRecord(id="s", name="theirs", mode="traffic"), "t": SensorRecord(id="t")})
    assets = await Composed([Source("a", first), Source("b", second)]).assets(good, read_log)
    assert assets.sensors == {"s": SensorRecord(id="s", name="mine", mode="traffic"), "t": SensorRecord(id="t")}


async def test_sources_are_asked_at_the_same_time(good, read_log):
    one, two = Source("a", rooms(r="x")), Source("b", rooms())
    one.waits_for, two.waits_for = two.started, one.started
    async with asyncio.timeout(5):
        await Composed([one, two]).assets(good, read_log)


async def test_unchanged_parts_are_merged_once(good, read_log):
    one, two = Source("a", rooms(r="x")), Source("b", rooms(q="y"))
    composed = Composed([one, two])
    merged = await composed.assets(good, read_log)
    assert await composed.assets(good, read_log) is merged
    two.said = rooms(q="z")
    assert (await composed.assets(good, read_log)).rooms["q"].name == "z"


async def test_fifty_at_once_are_one_merge(good, read_log):
    composed = Composed([Source("a", rooms(r="x")), Source("b", rooms(q="y"))])
    answers = await asyncio.gather(*(composed.assets(good, read_log) for _ in range(50)))
    assert all(answer is answers[0] for answer in answers)


async def test_merges_of_many_callers_are_bounded(good, read_log):
    source = Source("b", rooms())
    composed = Composed([Source("a", rooms(r="x")), source])
    for i in range(100):
        source.said = rooms(**{f"r{i}": "n"})
        assert f"r{i}" in (await composed.assets(good, read_log)).rooms
    assert len(composed._merged) <= 32


@pytest.mark.parametrize("fails_first", [True, False])
async def test_a_source_that_fails_is_done_without(good, read_log, fails_first):
    sources = [Source("fails", UpstreamTimeout("slow")), Source("knows", rooms(r="x"))]
    with capture_logs() as logs:
        assets = await Composed(sources if fails_first else sources[::-1]).assets(good, read_log)
    assert assets.rooms.keys() == {"r"}
    assert [(line["source"], line["error"]) for line in logs] == [("fails", "UPSTREAM_TIMEOUT")]


async def test_a_refusal_of_the_token_by_any_source_is_raised(good, read_log):
    sources = [Source("a", rooms(r="x")), Source("b", UpstreamTimeout("slow")), Source("c", Unauthenticated("no"))]
    with pytest.raises(Unauthenticated):
        await Composed(sources).assets(good, read_log)


async def test_a_source_that_a_token_may_not_read_is_done_without(good, read_log):
    sources = [Source("a", rooms(r="x")), Source("b", Forbidden("no"))]
    assert (await Composed(sources).assets(good, read_log)).rooms.keys() == {"r"}


async def test_what_only_a_failed_source_knows_is_unknown_and_not_none(good, read_log):
    native, discovery = Source("native", Forbidden("no")), Source("discovery", rooms(r="x"))
    native.knows, discovery.knows = frozenset({"sites", "rooms"}), frozenset({"rooms"})
    composed = Composed([native, discovery])
    assets = await composed.assets(good, read_log)
    assert assets.failed.keys() == {"sites"}
    assert discovery.said.failed == {}
    assets.require("rooms")
    with pytest.raises(Forbidden):
        assets.require("sites")
    native.said = Assets()
    assert (await composed.assets(good, read_log)).failed == {}


async def test_when_all_fail_it_is_the_first_ones_error(good, read_log):
    with pytest.raises(UpstreamUnavailable):
        await Composed([Source("a", UpstreamUnavailable("x")), Source("b", RateLimited("y"))]).assets(good, read_log)


async def test_a_fault_of_ours_is_not_taken_for_an_upstream_failure(good, read_log):
    with pytest.raises(ZeroDivisionError):
        await Composed([Source("a", rooms()), Source("b", ZeroDivisionError())]).assets(good, read_log)


async def test_a_source_that_asks_the_upstream_proves_the_caller_to_the_inventory(
    write, upstream, wire, good, read_log
):
    inventory = Inventory(write("a.json", {"rooms": [{"id": "r"}]}), TokenProbe(upstream))
    for sources in ([inventory, Discovery(upstream, Labels())], [Discovery(upstream, Labels()), inventory]):
        await Composed(sources).assets(good, read_log)
    # The two calls of discovery; the second time they are cached.
    assert wire.paths == [REPORTING] * 2


async def test_a_made_up_token_sees_no_inventory_behind_any_source(write, upstream, wire, bad, read_log):
    wire.replies["/api/v3/graphql"] = (200, {"data": None})
    path = write("a.json", {"rooms": [{"id": "r"}]})
    for names in (["inventory"], ["inventory", "native"], ["discovery", "inventory"], ["native", "inventory"]):
        with pytest.raises(Unauthenticated):
            await build_source(names, upstream=upstream, inventory_path=path).assets(bad, read_log)


async def test_a_failing_native_api_neither_proves_a_caller_nor_hides_the_inventory(
    write, upstream, wire, read_log, good, bad
):
    wire.replies["/api/v3/graphql"] = (500, {})
    path = write("a.json", {"rooms": [{"id": "r"}]})
    source = build_source(["inventory", "native"], upstream=upstream, inventory_path=path)
    with capture_logs():
        assert (await source.assets(good, read_log)).rooms.keys() == {"r"}
        with pytest.raises(Unauthenticated):
            await source.assets(bad, read_log)


def test_one_name_is_that_source_alone(upstream):
    assert isinstance(build_source(["discovery"], upstream=upstream, discovery_span=timedelta(days=1)), Discovery)
    assert isinstance(build_source(["native", "native"], upstream=upstream), Native)
    assert build_source(["native", "discovery"], upstream=upstream).name == "native,discovery"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["cloud"], "FACADE_ASSETS: 'cloud' is not a source; use one or more of discovery, inventory, native"),
        ([], "FACADE_ASSETS: no source is named"),
        (["inventory"], "FACADE_INVENTORY: "),
    ],
)
def test_a_wrong_setting_is_named(upstream, names, said):
    with pytest.raises(ValueError, match=said):
        build_source(names, upstream=upstream)


def test_an_inventory_that_is_not_there_stops_the_start(upstream, tmp_path):
    with pytest.raises(InventoryError):
        build_source(["inventory"], upstream=upstream, inventory_path=tmp_path / "none.yaml")


async def test_ten_thousand_records_cost_nothing_once_merged(good, read_log, steps):
    def sensors(**fields):
        return Assets(sensors={f"s{i}": SensorRecord(id=f"s{i}", **fields) for i in range(10_000)})

    composed = Composed([Source("a", sensors(name="n")), Source("b", sensors(mode="presence"))])
    await composed.assets(good, read_log)
    with steps() as taken:
        for _ in range(10):
            await composed.assets(good, read_log)
    assert taken.lines < 10_000


async def test_a_merge_reaches_all_who_wait_for_it_however_many_others_are_made(good, read_log):
    class OfEachCaller:
        """Gives each time another snapshot, as to a hundred callers."""

        name = "of each caller"
        knows = frozenset()

        async def assets(self, caller, read_log):
            return Assets(rooms=rooms().rooms if callable(rooms) else {})

    composed = Composed([OfEachCaller(), OfEachCaller()])
    answers = await asyncio.gather(*(composed.assets(good, read_log) for _ in range(100)))
    assert all(isinstance(answer, Assets) for answer in answers)
