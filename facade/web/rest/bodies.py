"""Recognise bodies of REST calls that can be cut and cached. Any other body is passed on to the upstream."""

from typing import Any

from ..graphql_request import read_json


def report_body(body: bytes) -> dict[str, Any] | None:
    """Return the body of a report as an object; None if its shape is not that of Butlr's docs."""
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
    """Return the body as an object; None if the upstream is to judge it. Raises `BadRequest` if it nests too deep."""
    try:
        parsed = read_json(body)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _is_object(value: object) -> bool:
    """Return whether a member is an object, or absent."""
    return value is None or isinstance(value, dict)


def _are_texts(value: object) -> bool:
    """Return whether a member is a list of texts, or absent."""
    return value is None or (isinstance(value, list) and all(isinstance(item, str) for item in value))
