"""Compare two answers to one call. Differences are listed by field, not by point."""

from typing import Any

from ..graph.stats import StatsMeasurement

# The names of fields. Any other key is an id, a time or a customer's name, and becomes `*`, so that a difference in
# every room is listed once.
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
    """Return the paths at which the answers differ, such as `data[].value` or `data.*.in.sum`, each once."""
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
        # The lists have different rows, so those without an id cannot be paired.
        shared = {key for key in shared if isinstance(key, str)}
    for key in shared:
        _compare(left[key], right[key], (*path, "[]"), found)


def _keyed(items: list[Any]) -> dict[str | int, Any]:
    """Key items by id if each has its own, since the order of assets is not significant; else by index."""
    by_id: dict[str | int, Any] = {
        item["id"]: item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)
    }
    return by_id if len(by_id) == len(items) else dict(enumerate(items))


def _written(path: tuple[str, ...]) -> str:
    return ".".join(path).replace(".[]", "[]") or "answer"
