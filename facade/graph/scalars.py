"""`Time`, `Duration`, `JSON`, and the native enumerations whose values no source lists."""

import re
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from ..butlr import (
    DURATION_FORM,
    TIME_FORM,
    format_rfc3339,
    is_epoch,
    is_rfc3339,
    parse_absolute,
    parse_duration,
    parse_relative,
    parse_rfc3339,
    to_rfc3339,
)

Time = NewType("Time", str)
Duration = NewType("Duration", str)
JSON = NewType("JSON", object)
InstallationStatus = NewType("InstallationStatus", str)
ServiceStatus = NewType("ServiceStatus", str)

# The page of this project's docs that specifies the scalars.
SPECIFIED = "docs/clients.md"

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
# Most characters of a value that an error message quotes.
_SHOWN = 60


def bad_input(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})


def parse_time(value: object) -> str:
    """Return a time as RFC 3339, as a bare date, or relative to now."""
    if isinstance(value, str):
        relative = parse_relative(value)
        if value == "now" or (relative is not None and relative.is_in_calendar) or is_rfc3339(value):
            return value
        if _DATE.fullmatch(value) and parse_rfc3339(value) is not None:
            return value
        moment = parse_absolute(value)
        if moment is not None:
            return format_rfc3339(moment)
    if isinstance(value, int | str) and not isinstance(value, bool) and is_epoch(str(value)[:20]):
        converted = to_rfc3339(int(value))
        if converted is not None:
            return converted
    raise bad_input(f"{_shown(value)} is not a Time. It takes {TIME_FORM}.")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def serialize_time(value: Any) -> str | None:
    return to_rfc3339(value)


def rfc3339(value: str) -> str:
    """Return an input time, with a bare date as midnight in UTC."""
    moment = parse_rfc3339(value) if _DATE.fullmatch(value) else None
    return format_rfc3339(moment) if moment else value


def parse_duration_text(value: object) -> str:
    """Return a duration. Milliseconds, which a chart's interval may have, are converted to whole seconds."""
    if isinstance(value, str):
        try:
            duration = parse_duration(value)
        except ValueError:
            pass
        else:
            return f"{duration.seconds}s" if "ms" in value else value
    raise bad_input(f"{_shown(value)} is not a Duration. It takes {DURATION_FORM}.")


def _opaque(name: str, description: str) -> ScalarDefinition:
    return strawberry.scalar(name=name, description=description, serialize=str, parse_value=str)


SCALARS: dict[object, ScalarDefinition] = {
    Time: strawberry.scalar(
        name="Time",
        description=f"A time: {TIME_FORM}. It is sent to the upstream as RFC 3339. A time relative to now is moved to "
        "an edge of the window, or to a whole minute. Serialised as RFC 3339 in UTC with Z, and with milliseconds as "
        "three digits unless they are zero.",
        specified_by_url=f"{SPECIFIED}#time",
        serialize=serialize_time,
        parse_value=parse_time,
    ),
    Duration: strawberry.scalar(
        name="Duration",
        description=f"A length of time: {DURATION_FORM}.",
        specified_by_url=f"{SPECIFIED}#duration",
        serialize=str,
        parse_value=parse_duration_text,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value, as the upstream returned it.",
        specified_by_url="https://ecma-international.org/publications-and-standards/standards/ecma-404/",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
    InstallationStatus: _opaque("InstallationStatus", "The status of an installation, as Butlr names it."),
    ServiceStatus: _opaque("ServiceStatus", "The service status of a floor, as Butlr names it."),
}
