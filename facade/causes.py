"""Group errors by cause, so that 205 rooms that failed for one reason are one line."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

TIMES = "\N{MULTIPLICATION SIGN}"
# Most places that one line names.
MOST_NAMED = 3
UPSTREAM_FAILURES = frozenset({"UPSTREAM_TIMEOUT", "UPSTREAM_UNAVAILABLE", "UPSTREAM_INVALID_RESPONSE"})
# Characters that a terminal interprets, or that change the direction of text: controls and direction marks.
_UNPRINTABLE = re.compile(r"[^\S ]+|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")


class GraphQLFault(Protocol):
    """The attributes of graphql-core's `GraphQLError` that are used here."""

    message: str

    @property
    def path(self) -> Sequence[str | int] | None: ...
    @property
    def extensions(self) -> Mapping[str, Any] | None: ...


# Words of pydantic that mean nothing to the reader of a message.
_FRAMEWORK = re.compile(r"^(?:Value|Assertion) error, | after validation")


def plainly(message: str) -> str:
    """Remove the words about pydantic from its message."""
    return _FRAMEWORK.sub("", message)


@dataclass(slots=True)
class Cause:
    """Errors of one code and message. `places` counts them by path, with `[*]` for list indexes."""

    code: str
    message: str
    first: str
    places: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.places.total()

    @property
    def is_upstream(self) -> bool:
        return self.code in UPSTREAM_FAILURES

    @property
    def where(self) -> str:
        """Return how often and where it occurred; for a single error its exact path; empty without a path."""
        if self.count == 1:
            return self.first
        named = [f"{count} {TIMES} {place or 'the operation'}" for place, count in self.places.most_common(MOST_NAMED)]
        more = len(self.places) - len(named)
        return ", ".join(named) + (f" and {more} more" if more > 0 else "")

    def line(self) -> str:
        """Return the cause as one line, without characters that a terminal would interpret."""
        where = f"{self.where}: " if self.where else ""
        return one_line(f"{where}{self.message} ({self.code})")


def grouped(errors: Iterable[GraphQLFault]) -> list[Cause]:
    """Return the causes, the most frequent first."""
    causes: dict[tuple[str, str], Cause] = {}
    for error in errors:
        code = str((error.extensions or {}).get("code"))
        cause = causes.get((code, error.message))
        if cause is None:
            cause = causes[code, error.message] = Cause(code, error.message, place(error.path, exact=True))
        cause.places[place(error.path)] += 1
    return sorted(causes.values(), key=lambda cause: -cause.count)


def place(path: Sequence[str | int] | None, *, exact: bool = False) -> str:
    """Write a path as in JavaScript, with `[*]` for list indexes unless `exact`."""
    parts = (f".{part}" if isinstance(part, str) else f"[{part}]" if exact else "[*]" for part in path or ())
    return "".join(parts).removeprefix(".")


def one_line(text: str) -> str:
    """Return a text as one line, without characters that a terminal would interpret."""
    return _UNPRINTABLE.sub(lambda found: " " if found[0].isspace() else "\N{REPLACEMENT CHARACTER}", text).strip()
