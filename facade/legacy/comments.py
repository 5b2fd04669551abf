"""JSON as people write it: with comments, and with commas before what closes."""

import re
from typing import Any

import orjson

# A string, or a comment, each up to the end of the text where it has no end of its own.
_PIECE = re.compile(r'"(?:\\.|[^"\\])*(?:"|\Z)|//[^\n]*|/\*(?:.*?\*/|.*\Z)', re.DOTALL)
_LAST_COMMA = re.compile(r'"(?:\\.|[^"\\])*(?:"|\Z)|,(?=\s*[}\]])', re.DOTALL)


def load_commented(text: str) -> Any:
    """Parse JSON that may hold comments. Raises `orjson.JSONDecodeError`, which says the line of the text as it is."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return orjson.loads(without_comments(text))


def without_comments(text: str) -> str:
    """Blank out comments and last commas; lines stay where they are."""
    return _LAST_COMMA.sub(_last_comma, _PIECE.sub(_comment, text))


def _comment(piece: re.Match[str]) -> str:
    return piece[0] if piece[0].startswith('"') else " " + "\n" * piece[0].count("\n")


def _last_comma(piece: re.Match[str]) -> str:
    return piece[0] if piece[0].startswith('"') else ""
