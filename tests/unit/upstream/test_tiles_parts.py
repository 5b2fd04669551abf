"""What tiles are made of: runs laid over each other, rectangles that cover what is missing, the order of series."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from facade.cache import Rules
from facade.upstream.tiles.orders import Order
from facade.upstream.tiles.rectangles import MOST, NEARLY_ALL, rectangles
from facade.upstream.tiles.tile import Run, Strand, Tile, decode, encode, joined, merged, runs_of

RULES = Rules()
EVERY = 300


def tile(first: int, last: int, as_of: float, rows: list[int]) -> Tile:
    """Rows in these windows; each says when it was asked for, and the field that never moves says nothing."""
    windows = sorted(row for row in rows if first <= row < last)
    values = [b"%d" % as_of] * len(windows)
    columns = (values if len(set(windows)) > 1 else values[:1], [b'"x"'])
    form = b'{"value":%b,"zone":%b}'
    strands = [Strand("data", form, ("value", "zone"), (1, int(as_of), 2), windows, columns)] if windows else []
    return Tile.of([Run(first, last, as_of)], strands, b"", 1)


runs = st.tuples(st.integers(0, 20), st.integers(1, 12), st.integers(1, 9), st.lists(st.integers(0, 32), unique=True))


@given(st.lists(runs, min_size=1, max_size=8), st.booleans())
def test_each_window_is_what_was_asked_for_last_whatever_came_when(asked, packed):
    made: Tile | None = None
    expected: dict[int, tuple[int, bool]] = {}
    for first, length, as_of, rows in asked:
        made = merged(made, tile(first, first + length, as_of, rows))
        for window in range(first, first + length):
            if as_of >= expected.get(window, (0, False))[0]:
                expected[window] = as_of, window in rows
    made = decode(encode(made, packed=packed))
    covered = {window: run.as_of for run in runs_of(made.runs) for window in range(run.first, run.last)}
    assert covered == {window: as_of for window, (as_of, _) in expected.items()}
    shown = {
        window: float(value)
        for strand in made.strands
        for window, value in zip(
            strand.windows, strand.columns[0] * (1 if len(strand.columns[0]) > 1 else len(strand.windows)), strict=True
        )
    }
    assert shown == {window: as_of for window, (as_of, has_row) in expected.items() if has_row}
    assert len(made.strands) <= 1


def test_what_another_version_wrote_is_nothing():
    for packed in (True, False):
        whole = encode(tile(0, 3, 1, [1]), packed=packed)
        assert decode(whole) is not None
        assert decode(whole[:-1]) is None
    assert decode(b"") is decode(b"x") is decode(b"\x93\x01\x02\x03") is None


@given(as_of=st.integers(0, 20_000), later=st.integers(0, 100_000))
def test_the_fresh_windows_of_a_run_are_those_that_are_fresh_one_by_one(as_of, later):
    run, now = Run(0, 60, float(as_of)), float(as_of + later)
    fresh = run.fresh(now, EVERY, RULES)
    one_by_one = [window for window in range(60) if run.fresh_until(window, EVERY, RULES) > now]
    assert one_by_one == (list(range(fresh.first, fresh.last)) if fresh else [])


def test_settled_windows_are_kept_long_late_ones_a_minute_and_unfinished_ones_as_long_as_they_are():
    run = Run(0, 100, 20_000.0)
    assert run.fresh_until(0, EVERY, RULES) == 20_000 + RULES.settled_for
    assert run.fresh_until(65, EVERY, RULES) == 20_000 + RULES.late_for
    assert run.fresh_until(66, EVERY, RULES) == 20_000 + RULES.unsettled_most
    assert run.fresh_until(20_000, 1, RULES) == 20_000 + RULES.unsettled_least
    empty = run._replace(empty=True)
    assert empty.fresh_until(0, EVERY, RULES) == run.fresh_until(0, EVERY, RULES)
    assert empty.fresh_until(65, EVERY, RULES) == empty.fresh_until(66, EVERY, RULES)
    assert empty.fresh_until(66, EVERY, RULES) == 20_000 + RULES.empty_unsettled_for


def stretches(draw: st.DrawFn) -> list[tuple[int, int]]:
    edges = sorted(draw(st.sets(st.integers(0, 30), min_size=2, max_size=6)))
    return list(zip(edges[::2], edges[1::2], strict=False))


@given(st.data())
def test_rectangles_cover_what_is_missing_and_nothing_else(data):
    missing = {id_: stretches(data.draw) for id_ in data.draw(st.sets(st.sampled_from("abcdef"), min_size=1))}
    lacking = {(id_, window) for id_, some in missing.items() for edges in some for window in range(*edges)}
    found = rectangles(missing, cells=1000)
    if found is None:
        assert len({tuple(some) for some in missing.values()}) > 1
        return
    cells = [(id_, window) for one in found for id_ in one.ids for window in range(one.first, one.last)]
    assert len(cells) == len(set(cells)) == sum(one.cells for one in found)
    assert set(cells) == lacking
    assert len(found) <= MOST
    assert rectangles(missing, cells=int((len(cells) - 1) / NEARLY_ALL)) is None


def test_ids_that_lack_the_same_are_one_call_and_so_are_windows_that_the_same_ids_lack():
    newest = {id_: [(9, 12)] for id_ in "abc"}
    assert [tuple(one) for one in rectangles(newest, 36)] == [(("a", "b", "c"), 9, 12)]
    with_a_new_one = {**newest, "d": [(0, 12)]}
    assert [tuple(one) for one in rectangles(with_a_new_one, 48)] == [(("a", "b", "c"), 9, 12), (("d",), 0, 12)]


@given(st.permutations("abcdefgh"), st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1), min_size=1))
def test_an_order_is_sure_only_where_it_is_right(line, answers):
    order: Order[str] = Order()
    for answer in answers:
        order.learn(pairwise(sorted(answer, key=line.index)))
    for answer in [*answers, set(line)]:
        found, sure = order.sort(sorted(answer))
        if sure:
            assert found == sorted(answer, key=line.index)
    assert all(order.sort(sorted(answer))[1] for answer in answers if len(answers) == 1)


def test_an_answer_in_another_order_is_what_counts_from_then_on():
    order: Order[str] = Order()
    order.learn(pairwise("abcd"))
    order.learn(pairwise("dcba"))
    assert order.sort(["a", "b", "c", "d"]) == (["d", "c", "b", "a"], True)
    order.learn([("a", "b"), ("b", "a")])
    assert not order.sort(["a", "b"])[1]


def test_neighbours_asked_for_together_are_one_run():
    assert joined([Run(3, 5, 1.0), Run(0, 3, 1.0), Run(5, 6, 2.0)]) == [Run(0, 5, 1.0), Run(5, 6, 2.0)]
