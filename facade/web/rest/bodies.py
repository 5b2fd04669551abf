"""Bodies of REST calls that can be told apart, cut into parts and kept; any other is for the upstream to judge."""

from typing import Any

from ..graphql_request import read_json


def report_body(body: bytes) -> dict[str, Any] | None:
    """The body of a report as an object; None where it is of another shape than Butlr's docs have."""
    parsed = _object(body)
    if parsed is None or not isinstance(within := parsed.get("filter"), dict):
        return None
    group_by = parsed.get("group_by")
    well = (
        all(_is_object(parsed.get(name)) for name in ("window", "group_by", "options"))
        and _are_texts(within.get("measurements"))
        and _are_texts((group_by or {}).get("order"))
        and all(_are_texts(part.get("eq")) for part in within.values() if isinstance(part, dict))
    )
    return parsed if well else None


def detections_body(body: bytes) -> dict[str, Any] | None:
    parsed = _object(body)
    if parsed is None or not isinstance(within := parsed.get("filter"), dict):
        return None
    window = parsed.get("window")
    well = (
        _is_object(window)
        and _is_object((window or {}).get("heatmap_v2_options"))
        and _are_texts(parsed.get("data_types"))
        and _are_texts(within.get("mac_addresses"))
    )
    return parsed if well else None


def stats_body(body: bytes) -> dict[str, Any] | None:
    parsed = _object(body)
    return parsed if parsed is not None and isinstance(parsed.get("items"), list) else None


def _object(body: bytes) -> dict[str, Any] | None:
    """The body as an object; None where the upstream shall judge it. Raises `BadRequest` for what no one can read."""
    try:
        parsed = read_json(body)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _is_object(value: object) -> bool:
    """Whether it is an object, or not given."""
    return value is None or isinstance(value, dict)


def _are_texts(value: object) -> bool:
    """Whether it is a list of texts, or not given."""
    return value is None or (isinstance(value, list) and all(isinstance(item, str) for item in value))
