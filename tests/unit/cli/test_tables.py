import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from facade.cli.tables import tables, text


def shown(data: dict[str, Any], selection: Any = None) -> dict[str, list[list[Any]]]:
    """Each table by its name: the header, then the rows."""
    return {table.name: [table.header, *table.cells()] for table in tables(data, selection)}


def test_a_list_of_objects_is_rows_and_objects_in_them_are_dotted_columns():
    data = {"sensors": {"data": [{"id": "s1", "hive": {"id": "h1"}}, {"id": "s2", "hive": None}]}}

    assert shown(data) == {"sensors.data": [["id", "hive.id"], ["s1", "h1"], ["s2", None]]}


def test_one_object_is_one_row():
    assert shown({"sensor": {"id": "s1", "hive": {"id": "h1"}}}) == {"sensor": [["id", "hive.id"], ["s1", "h1"]]}


def test_a_list_in_a_list_multiplies_the_rows_and_an_empty_one_keeps_its_parent():
    data = {"hives": {"data": [{"id": "h1", "sensors": [{"id": "a"}, {"id": "b"}]}, {"id": "h2", "sensors": []}]}}

    assert shown(data) == {"hives.data.sensors": [["id", "sensors.id"], ["h1", "a"], ["h1", "b"], ["h2", None]]}


def test_lists_side_by_side_are_tables_that_name_their_parent():
    data = {"rooms": {"data": [{"id": "r", "area": 9, "sensors": [{"id": "s"}], "tags": [{"name": "t"}]}]}}

    assert shown(data) == {
        "rooms.data": [["id", "area"], ["r", 9]],
        "rooms.data.sensors": [["id", "sensors.id"], ["r", "s"]],
        "rooms.data.tags": [["id", "tags.name"], ["r", "t"]],
    }


def test_lists_side_by_side_repeat_all_of_a_parent_that_nothing_names():
    data = {"rooms": [{"area": 9, "sensors": [{"id": "s"}], "tags": [{"name": "t"}]}]}

    assert shown(data)["rooms.tags"] == [["area", "tags.name"], [9, "t"]]


def test_each_root_field_makes_its_own_table():
    data = {"a": [{"id": 1}], "b": [{"id": 2}], "__typename": "Query", "version": 3}

    assert shown(data) == {
        "a": [["id"], [1]],
        "b": [["id"], [2]],
        "": [["__typename", "version"], ["Query", 3]],
    }


def test_a_series_is_a_row_a_point():
    series = [
        {"field": "in", "times": ["t1", "t2"], "values": [1.0, None]},
        {"field": "out", "times": [], "values": []},
    ]

    assert shown({"report": {"series": series}}) == {
        "report.series": [["field", "time", "value"], ["in", "t1", 1.0], ["in", "t2", None], ["out", None, None]]
    }


def test_times_and_values_of_other_lengths_stay_as_they_are():
    assert shown({"a": [{"times": [1, 2], "values": [3]}]}) == {"a": [["times", "values"], [[1, 2], [3]]]}


def test_pairs_of_name_and_value_are_columns():
    groups = [
        {"keys": [{"name": "room_id", "value": "r1"}, {"name": "field", "value": "in"}], "value": 1},
        {"keys": [{"name": "room_id", "value": "r2"}], "value": 2},
    ]

    assert shown({"report": {"groups": groups}}) == {
        "report.groups": [["keys.room_id", "keys.field", "value"], ["r1", "in", 1], ["r2", None, 2]]
    }


def test_a_json_scalar_is_one_cell_and_is_not_repeated_beside_a_list():
    data = {"report": {"data": {"room_1": {"in": {"sum": 1}}}, "rows": [{"value": 1}, {"value": 2}]}}
    selection = {"report": {"data": None, "rows": {"value": None}}}

    assert shown(data, selection) == {
        "report": [["data"], [{"room_1": {"in": {"sum": 1}}}]],
        "report.rows": [["value"], [1], [2]],
    }


def test_an_empty_list_has_the_columns_selected():
    selection = {"sensors": {"data": {"id": None, "hive": {"id": None}, "report": {"times": None, "values": None}}}}

    assert shown({"sensors": {"data": []}}, selection) == {
        "sensors.data.report": [["id", "hive.id", "report.time", "report.value"]]
    }


def test_a_field_that_failed_has_columns_and_no_rows():
    assert shown({"sensors": None}, {"sensors": {"data": {"id": None}}}) == {"sensors": [["data.id"]]}


def test_no_data_is_no_table():
    assert tables(None) == []


def test_a_cell_of_values_is_readable_and_one_that_could_be_misread_is_json():
    assert text(["a", "b"]) == "a, b"
    assert text([0.38, 2]) == "0.38, 2"
    assert text(["a, b", "c"]) == '["a, b", "c"]'
    assert text([[0.38, 0.42]]) == "[[0.38, 0.42]]"
    assert text(None) == ""
    assert text(True) == "true"
    assert text(0.1) == "0.1"


scalars = st.none() | st.just("value")
names = st.sampled_from(["id", "name", "a", "b", "c.d", ""])
anything = st.dictionaries(
    names,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=30,
    ),
)


def numbered(node: Any, numbers: Iterator[int]) -> Any:
    """The same with each value another number, so that one lost or moved is seen."""
    if isinstance(node, dict):
        return {name: numbered(value, numbers) for name, value in node.items()}
    if isinstance(node, list):
        return [numbered(value, numbers) for value in node]
    return None if node is None else next(numbers)


def values(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Every value with where it stands: names and indexes."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from values(value, (*at, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from values(value, (*at, index))
    elif node is not None:
        yield node, at


def names_of(at: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(step for step in at if isinstance(step, str))


@given(anything)
def test_no_value_is_lost_and_each_stands_under_its_own_path(shape):
    data = numbered(shape, count())

    kept = {
        (value, names_of((*column, *at)))
        for table in tables(data)
        for row in table.rows
        for column, cell in row.items()
        for value, at in values(cell)
    }

    assert kept == {(value, names_of(at)) for value, at in values(data)}


@given(anything)
def test_what_stands_in_one_row_belongs_together(shape):
    data = numbered(shape, count())
    places = dict(values(data))

    for table in tables(data):
        for row in table.rows:
            found = [places[value] for cell in row.values() if isinstance(cell, int) for value in [cell]]
            for one in found:
                for other in found:
                    apart = next((pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]), None)
                    # They part at a name, never at the index of a list.
                    assert apart is None or all(isinstance(step, str) for step in apart)


@given(anything)
def test_every_row_has_as_many_cells_as_there_are_columns_and_columns_differ(shape):
    for table in tables(numbered(shape, count())):
        assert len(set(table.columns)) == len(table.columns) == len(table.header)
        assert all(set(row) <= set(table.columns) for row in table.rows)


@given(st.lists(st.tuples(st.integers(), st.none() | st.floats(allow_nan=False)), max_size=5))
def test_every_point_of_a_series_is_a_row(points):
    series = {"times": [time for time, _ in points], "values": [value for _, value in points]}

    [table] = tables({"a": [series]})

    assert [tuple(cells) for cells in table.cells()] == points


@given(st.lists(st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())))
def test_a_list_in_one_cell_can_be_read_back(items):
    written = text(items)

    if written.startswith("["):
        assert json.loads(written) == items
    else:
        assert written.split(", ") == ([text(item) for item in items] or [""])
