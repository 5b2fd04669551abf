"""Prepare texts for assistants: clean names of assets, and shorten answers."""

import unicodedata
from collections.abc import Mapping
from typing import Any

import orjson

# Most characters of a name or another text in an answer.
LONGEST_TEXT = 120
# Most characters of an answer: about 4,000 tokens of 4 characters, minus those that the protocol adds.
MOST_CHARACTERS = 15_000
# How many rows of a list are shown if an answer is too large.
SAMPLE = 3


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text on one line, shortened, without control and format characters, which can hide text from readers."""
    shown = "".join(" " if character.isspace() else character for character in text if not _is_hidden(character))
    shown = " ".join(shown.split())
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def quoted(text: str | None) -> str:
    """Return a name for use in a sentence, as a JSON string."""
    return orjson.dumps(plain(text or "(no name)")).decode()


def cleaned(value: Any) -> Any:
    """Return an answer whose texts are all `plain`, and in which 8.0 is written as 8."""
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
    """Return an answer with the first rows of each list, the number of rows (`of`), and statistics of numbers."""
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
