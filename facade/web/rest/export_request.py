"""Read export requests: a REST body, or its fields as query parameters, and the format by path or `Accept`."""

from collections.abc import Iterable
from math import isfinite, nan
from typing import Any

from ...export import MEDIA_TYPES, REPORT, ExportTable, Format
from ..graphql_request import BadRequest
from ..weights import weighted
from .bodies import detections_body, report_body

# The lists of ids in a reporting filter, by query parameter. There a floor is a "space", and a site a "client".
_ID_LISTS = {
    **{name: name for name in ("rooms", "sensors", "zones", "spaces", "hives", "buildings", "mac_addresses", "tags")},
    "floors": "spaces",
    "sites": "clients",
    "clients": "clients",
}
_WINDOW = ("every", "function", "timezone")
# Bounds of the filter's `value`. Without `gte=0` Butlr omits windows of zero.
_BOUNDS = ("gte", "gt", "lte", "lt")
_OF_REPORT = {"start", "stop", "measurements", *_ID_LISTS, *_WINDOW, *_BOUNDS}
_OF_DETECTIONS = {"start", "stop", "data_types", "space_id", "room_id", "mac_addresses", "every", "function"}
_FORMATS = {media: format_ for format_, media in MEDIA_TYPES.items()}


def format_of(named: str | None, accept: str | None) -> Format:
    """Return the format. Raises `BadRequest`: 404 for an unknown one in the path, 406 if none is accepted."""
    if named is not None:
        try:
            return Format(named)
        except ValueError:
            raise BadRequest(404, f"There is no format {named[:40]}: {', '.join(Format)}.") from None
    best, best_weight = None, 0.0
    for media, _, weight in weighted(accept or "*/*"):
        format_ = _FORMATS.get(media) or (Format.csv if media in ("*/*", "text/*") else None)
        if format_ and weight > best_weight:
            best, best_weight = format_, weight
    if best is None:
        raise BadRequest(406, f"An export is one of {', '.join(_FORMATS)}.")
    return best


def asked_by_body(table: ExportTable, given: bytes) -> dict[str, Any]:
    """Return the REST body of a POST. Raises `BadRequest`."""
    body = report_body(given) if table is REPORT else detections_body(given)
    if body is None:
        call = "reporting" if table is REPORT else "detections"
        raise BadRequest(400, f"The body must be that of the {call} call, as JSON.")
    return _with_span(body)


def asked_by_query(table: ExportTable, given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the REST body of query parameters. Lists are repeated or separated by commas. Raises `BadRequest`."""
    values: dict[str, list[str]] = {}
    for name, value in given:
        values.setdefault(name, []).append(value)
    known = _OF_REPORT if table is REPORT else _OF_DETECTIONS
    if unknown := sorted(values.keys() - known):
        raise BadRequest(400, f"There is no parameter {unknown[0][:40]}: {', '.join(sorted(known))}.")
    body = _report(values) if table is REPORT else _detections(values)
    return _with_span(body)


def _report(values: dict[str, list[str]]) -> dict[str, Any]:
    filter_: dict[str, Any] = {name: _one(values, name) for name in ("start", "stop") if name in values}
    if "measurements" in values:
        filter_["measurements"] = _listed(values["measurements"])
    for name, dimension in _ID_LISTS.items():
        if name in values:
            filter_[dimension] = {"eq": _listed(values[name])}
    if bounds := {name: _number(values, name) for name in _BOUNDS if name in values}:
        filter_["value"] = bounds
    body: dict[str, Any] = {"filter": filter_}
    if window := {name: _one(values, name) for name in _WINDOW if name in values}:
        body["window"] = window
    return body


def _detections(values: dict[str, list[str]]) -> dict[str, Any]:
    names = ("start", "stop", "space_id", "room_id")
    filter_: dict[str, Any] = {name: _one(values, name) for name in names if name in values}
    if "mac_addresses" in values:
        filter_["mac_addresses"] = _listed(values["mac_addresses"])
    body: dict[str, Any] = {"data_types": _listed(values.get("data_types", ["detections_world"])), "filter": filter_}
    if window := {name: _one(values, name) for name in ("every", "function") if name in values}:
        body["window"] = window
    return body


def _one(values: dict[str, list[str]], name: str) -> str:
    if len(values[name]) > 1:
        raise BadRequest(400, f"Give {name} once.")
    # An unencoded plus sign is decoded as a blank. In a time it can only be that of the offset.
    return values[name][0].replace(" ", "+") if name in ("start", "stop") else values[name][0]


def _number(values: dict[str, list[str]], name: str) -> int | float:
    text = _one(values, name)
    try:
        number = float(text)
    except ValueError:
        number = nan
    if not isfinite(number):
        raise BadRequest(400, f"{name} must be a number.")
    return int(number) if number.is_integer() else number


def _listed(values: Iterable[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _with_span(body: dict[str, Any]) -> dict[str, Any]:
    if body["filter"].get("start") is None:
        raise BadRequest(400, "An export needs a `start`.")
    return body
