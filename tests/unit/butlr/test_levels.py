from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.butlr import name_levels
from facade.butlr.levels import kind_of


@pytest.mark.parametrize(
    ("path", "order", "names"),
    [
        (("room_1", "in"), ["room_id", "field"], ("room_id", "field")),
        (("anything", "else"), ["room_id", "field"], ("room_id", "field")),
        (("occupancy",), ["space_id", "field"], ("field",)),
        (("room_1",), ["room_id", "field"], ("room_id",)),
        (("space_1", "2025-10-14T15:04:43Z"), ["space_id", "field", "time"], ("space_id", "time")),
        (("space_1", "x"), ["space_id", "field", "time"], ("space_id", "time")),
        (("x", "room_1"), ["space_id", "field", "room_id", "time"], ("field", "room_id")),
        (("in",), ["field", "time"], ("field",)),
        (("floor_1",), ["floor_id", "time"], ("floor_id",)),
        (("00-17-0d-00-00-aa-bb-cc",), ["mac_address", "field", "time"], ("mac_address",)),
        # Told in the wrong order, neither can be honoured.
        (("2025-10-14T15:04:43Z", "room_1"), ["room_id", "field", "time"], ("field", "time")),
        ((), ["room_id"], ()),
        (("room_1", "in", "x"), [], ("room_id", "field", "key")),
        (("room_1", "in", "x"), ["room_id"], ("room_id", "field", "key")),
    ],
)
def test_levels_are_named(path, order, names):
    assert name_levels(path, order) == names


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("sensor_1pSz", "sensor_id"),
        ("hive_1", "hive_id"),
        ("zone_1", "zone_id"),
        ("floor_1", "space_id"),
        ("building_1", "building_id"),
        ("site_1", "site_id"),
        ("tag_1", "tag_id"),
        ("room_", ""),
        ("room", ""),
        ("rooms_1", ""),
        ("room_occupancy", "room_id"),
        ("in", "field"),
        ("out", "field"),
        ("inside", ""),
        ("00-60-2F-57-04-BC", "mac_address"),
        ("00:17:0d:00:00:aa:bb:cc", "mac_address"),
        ("00-60:2F-57-04-BC", ""),
        ("2025-10-14", "time"),
        ("2025-10-14T15:04:43Z", "time"),
        ("1667888615000", "time"),
        ("", ""),
    ],
)
def test_a_value_tells_its_kind(value, kind):
    assert kind_of(value) == kind


names = st.sampled_from(["space_id", "room_id", "zone_id", "mac_address", "field", "time", "sensor_id"])
values = st.sampled_from(
    [
        "space_1",
        "room_1",
        "zone_1",
        "00-60-2F-57-04-BC",
        "in",
        "2025-10-14T15:04:43Z",
        "sensor_1",
        "occupancy",
        "x",
    ]
)


@given(st.lists(values, max_size=4), st.lists(names, max_size=6, unique=True))
def test_fewer_levels_than_names_keep_the_order_and_honour_the_most(path, order):
    named = name_levels(path, order)
    assert len(named) == len(path)
    if len(path) >= len(order):
        return

    def honoured(candidate):
        return sum(kind_of(value) == name for value, name in zip(path, candidate, strict=True))

    choices = list(combinations(range(len(order)), len(path)))
    positions = tuple(order.index(name) for name in named)
    most = max(honoured([order[i] for i in choice]) for choice in choices)
    rightmost = max(
        (choice for choice in choices if honoured([order[i] for i in choice]) == most),
        key=lambda choice: choice[::-1],
    )
    assert positions == rightmost
