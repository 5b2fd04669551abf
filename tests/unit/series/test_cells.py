"""Maps of heatmap_v2 added up. The docs give cells as `[x, y, value]` in `array_cells`, and not where that is."""

from typing import Any

import pytest

from facade.butlr import BadInput
from facade.series.cells import added

ONE = [[0.5, 0.5, 1.5], [1.5, 0.5, 2]]
OTHER = [[1.5, 0.5, 0.1], [2.5, 0.5, 4]]
SUM = [[0.5, 0.5, 1.5], [1.5, 0.5, 2.1], [2.5, 0.5, 4]]


@pytest.mark.parametrize(
    "within",
    [
        lambda cells: {"array_cells": cells},
        lambda cells: [{"array_cells": cells}],
        lambda cells: {"data": {"heatmap": [{"room_id": "room_1", "grid_resolution": 1.0, "array_cells": cells}]}},
        lambda cells: [{"other": [1, 2], "map": {"array_cells": cells}}],
    ],
)
def test_cells_are_found_wherever_they_are_and_the_form_is_kept(within):
    assert added([within(ONE), within(OTHER)]) == within(SUM)


def test_what_the_parts_do_not_agree_on_is_left_out():
    parts = [{"start_time": 1, "unit": "m", "array_cells": ONE}, {"start_time": 2, "unit": "m", "array_cells": OTHER}]

    assert added(parts) == {"unit": "m", "array_cells": SUM}


def test_each_owners_cells_are_added_up_by_themselves_in_whatever_order_they_come():
    weeks = [
        [{"space_id": "space_1", "array_cells": ONE}, {"space_id": "space_2", "array_cells": [[0.5, 0.5, 7]]}],
        [{"space_id": "space_2", "array_cells": [[0.5, 0.5, 1]]}, {"space_id": "space_1", "array_cells": OTHER}],
        [{"space_id": "space_2", "array_cells": []}],
    ]

    assert added(weeks) == [
        {"space_id": "space_1", "array_cells": SUM},
        {"space_id": "space_2", "array_cells": [[0.5, 0.5, 8]]},
    ]


def test_maps_keyed_by_their_owner_are_told_apart():
    weeks = [{"room_1": {"array_cells": ONE}, "room_2": {"array_cells": OTHER}}, {"room_1": {"array_cells": OTHER}}]

    assert [entry["array_cells"] for entry in added(weeks)] == [SUM, OTHER]


def test_a_normalised_sum_has_its_greatest_cell_at_one():
    total = added([{"array_cells": ONE}, {"array_cells": OTHER}], normalize=True)

    assert total == {"array_cells": [[0.5, 0.5, 0.375], [1.5, 0.5, 0.525], [2.5, 0.5, 1]]}
    assert added([{"array_cells": [[0.5, 0.5, 0]]}] * 2, normalize=True) == {"array_cells": [[0.5, 0.5, 0]]}


@pytest.mark.parametrize("empty", [[], {}, None, {"array_cells": []}])
def test_an_empty_part_adds_nothing(empty):
    assert added([empty, {"array_cells": ONE}]) == {"array_cells": ONE}
    assert added([empty, empty]) == empty


@pytest.mark.parametrize(
    "part",
    [
        [{"x": 1, "y": 2, "value": 3}],
        {"cells": ONE},
        {"array_cells": [[1, 2]]},
        {"array_cells": [[1, 2, "3"]]},
        {"array_cells": [[1, 2, True]]},
        {"array_cells": [None]},
        {"array_cells": "x"},
        7,
    ],
)
def test_what_cannot_be_added_up_says_so(part):
    with pytest.raises(BadInput, match="at most 7 days"):
        added([part, {"array_cells": ONE}])


def test_a_reply_of_any_depth_is_refused_and_not_followed_to_its_end():
    deep: Any = {"array_cells": ONE}
    for _ in range(5_000):
        deep = [deep]

    with pytest.raises(BadInput, match="at most 7 days"):
        added([deep, deep])
