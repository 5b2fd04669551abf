"""Where two answers to one call differ: by field, since an operator mends fields and not points."""

from typing import Any

from ..graph.stats import StatsMeasurement

# What answers are made of. Any other key is an id, a time or a name of somebody's, and is not told apart: a
# difference in every room is one difference.
_WRITTEN = """
data page_info page page_item_count total_item_count total_pages calibration_points calibrationPoints
field measurement time start stop value preprocessed timezone_offset tag_id building_id building_name
hive_id hive_serial sensor_id space_id space_name room_id room_name zone_id zone_name mac_address
building_custom_id floor_custom_id room_custom_id zone_custom_id in out occupancy
sum min max count mean median stddev stdev first last
id name mode hive space room orientation height coordinates serial_number num_sensors sensors hives rooms gateways mqtt
address capacity mid_capacity maxCapacity area timezone installation_date type color door_line in_direction
parallel_to_door sensitivity
detections_local detections_world heatmap heatmap_v2 start_time sample_time
"""
NAMES = {*_WRITTEN.split(), *(measurement.value for measurement in StatsMeasurement)}
DEEPEST = 8


def differences(one: Any, other: Any) -> list[str]:
    """The paths at which the answers differ, such as `data[].value` or `data.*.in.sum`; each once."""
    found: dict[str, None] = {}
    _compare(one, other, (), found)
    return list(found)


def _compare(one: Any, other: Any, path: tuple[str, ...], found: dict[str, None]) -> None:
    if isinstance(one, dict) and isinstance(other, dict) and len(path) < DEEPEST:
        for name in one.keys() | other.keys():
            step = (*path, name if name in NAMES else "*")
            if name in one and name in other:
                _compare(one[name], other[name], step, found)
            else:
                found[_written(step)] = None
    elif isinstance(one, list) and isinstance(other, list) and len(path) < DEEPEST:
        _compare_lists(one, other, path, found)
    elif one != other or isinstance(one, bool) != isinstance(other, bool):
        found[_written(path)] = None


def _compare_lists(one: list[Any], other: list[Any], path: tuple[str, ...], found: dict[str, None]) -> None:
    left, right = _keyed(one), _keyed(other)
    shared = left.keys() & right.keys()
    if not len(left) == len(right) == len(shared):
        found[_written(path)] = None
        # Of rows without an id it is not known then which belongs to which.
        shared = {key for key in shared if isinstance(key, str)}
    for key in shared:
        _compare(left[key], right[key], (*path, "[]"), found)


def _keyed(items: list[Any]) -> dict[str | int, Any]:
    """By id where each has one of its own, for the order of assets says nothing; else by place."""
    by_id: dict[str | int, Any] = {
        item["id"]: item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)
    }
    return by_id if len(by_id) == len(items) else dict(enumerate(items))


def _written(path: tuple[str, ...]) -> str:
    return ".".join(path).replace(".[]", "[]") or "answer"
