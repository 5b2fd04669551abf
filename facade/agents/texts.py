"""What an assistant is shown: names of assets as data, and no more than it can read."""

import unicodedata
from collections.abc import Mapping
from typing import Any

import orjson

# Of a name or any other text that comes with an answer.
LONGEST_TEXT = 120
# An answer's: about 4,000 tokens of 4 characters each, less what the protocol puts around it.
MOST_CHARACTERS = 15_000
# Rows of a list that are still shown of an answer that is too large.
SAMPLE = 3


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text on one line, cut, without control and format characters: those can hide what a reader is told."""
    shown = "".join(" " if character.isspace() else character for character in text if not _is_hidden(character))
    shown = " ".join(shown.split())
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def quoted(text: str | None) -> str:
    """Return a name as it stands in a sentence: a JSON string."""
    return orjson.dumps(plain(text or "(no name)")).decode()


def cleaned(value: Any) -> Any:
    """Return an answer with every text in it `plain`, and 8.0 people as 8."""
    match value:
        case str():
            return plain(value)
        case float() if value.is_integer():
            return int(value)
        case Mapping():
            return {key: cleaned(each) for key, each in value.items()}
        case list() | tuple():
            return [cleaned(each) for each in value]
        case _:
            return value


def people(count: float) -> str:
    return "1 person" if count == 1 else f"{round(count, 2):g} people"


def written(value: Any) -> str:
    return orjson.dumps(value).decode()


def sampled(value: Any, rows: int = SAMPLE) -> Any:
    """Return an answer with the first rows of each list; `of` says how many there are, and what its numbers are."""
    match value:
        case Mapping():
            return {key: sampled(each, rows) for key, each in value.items()}
        case list() if len(value) > rows:
            short: dict[str, Any] = {"of": len(value), "first": [sampled(each, rows) for each in value[:rows]]}
            numbers = [each for each in value if isinstance(each, int | float) and not isinstance(each, bool)]
            if numbers:
                short |= {"min": min(numbers), "max": max(numbers), "mean": round(sum(numbers) / len(numbers), 2)}
            return short
        case list():
            return [sampled(each, rows) for each in value]
        case _:
            return value


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Cn") and not character.isspace()
