"""`Time`, `Duration`, `JSON`, and the native enumerations whose values no source lists."""

import re
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from ..butlr import format_rfc3339, parse_duration, parse_relative, parse_rfc3339, to_rfc3339

Time = NewType("Time", str)
Duration = NewType("Duration", str)
JSON = NewType("JSON", object)
InstallationStatus = NewType("InstallationStatus", str)
ServiceStatus = NewType("ServiceStatus", str)

TIME_TAKES = (
    "RFC 3339 (2025-10-14T15:00:00Z), a bare date (2025-10-14), epoch milliseconds (1667888615000), "
    "or a time relative to now (-24h, -1M, now)"
)
DURATION_TAKES = "one or more numbers with a unit of s m h d w M (30s, 5m, 1h30m, 1w)"

# In this project's documentation, wherever that is kept.
SPECIFIED = "docs/clients.md"

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_EPOCH_MS = re.compile(r"\d{10,16}")


def bad_input(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})


def parse_time(value: object) -> str:
    """Return a time as it may stand in a REST body; epoch milliseconds, which none takes, as RFC 3339."""
    if isinstance(value, str):
        if value == "now" or parse_relative(value) is not None:
            return value
        if (_RFC3339.fullmatch(value) or _DATE.fullmatch(value)) and parse_rfc3339(value) is not None:
            return value
    if isinstance(value, int | str) and not isinstance(value, bool) and _EPOCH_MS.fullmatch(str(value)):
        converted = to_rfc3339(int(value))
        if converted is not None:
            return converted
    raise bad_input(f"{value!r} is not a Time. It takes {TIME_TAKES}.")


def serialize_time(value: Any) -> str | None:
    return to_rfc3339(value)


def rfc3339(value: str) -> str:
    """Return an absolute or relative input time as the reporting call takes it: a bare date gets its midnight."""
    moment = parse_rfc3339(value) if _DATE.fullmatch(value) else None
    return format_rfc3339(moment) if moment else value


def parse_duration_text(value: object) -> str:
    if isinstance(value, str):
        try:
            parse_duration(value)
        except ValueError:
            pass
        else:
            return value
    raise bad_input(f"{value!r} is not a Duration. It takes {DURATION_TAKES}.")


def _opaque(name: str, description: str) -> ScalarDefinition:
    return strawberry.scalar(name=name, description=description, serialize=str, parse_value=str)


SCALARS: dict[object, ScalarDefinition] = {
    Time: strawberry.scalar(
        name="Time",
        description=f"A time: {TIME_TAKES}. What the endpoint takes goes up as given, else as RFC 3339; "
        "`stop: now` is left out. Serialised as RFC 3339 in UTC with Z: milliseconds as three digits, "
        "none where they are zero.",
        specified_by_url=f"{SPECIFIED}#time",
        serialize=serialize_time,
        parse_value=parse_time,
    ),
    Duration: strawberry.scalar(
        name="Duration",
        description=f"A length of time: {DURATION_TAKES}.",
        specified_by_url=f"{SPECIFIED}#duration",
        serialize=str,
        parse_value=parse_duration_text,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value, as the upstream gave it.",
        specified_by_url="https://ecma-international.org/publications-and-standards/standards/ecma-404/",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
    InstallationStatus: _opaque("InstallationStatus", "How far an installation has come, in Butlr's words."),
    ServiceStatus: _opaque("ServiceStatus", "The state of service of a floor, in Butlr's words."),
}
