"""Parse JSON with comments and trailing commas."""

import re
from typing import Any

import orjson

# A string or a comment. One without an end extends to the end of the text.
_PIECE = re.compile(r'"(?:\\.|[^"\\])*(?:"|\Z)|//[^\n]*|/\*(?:.*?\*/|.*\Z)', re.DOTALL)
_LAST_COMMA = re.compile(r'"(?:\\.|[^"\\])*(?:"|\Z)|,(?=\s*[}\]])', re.DOTALL)


def load_commented(text: str) -> Any:
    """Parse JSON that may have comments. Raises `orjson.JSONDecodeError` with the line in the original text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return orjson.loads(without_comments(text))


def without_comments(text: str) -> str:
    """Blank out comments and trailing commas. Line numbers do not change."""
    return _LAST_COMMA.sub(_last_comma, _PIECE.sub(_comment, text))


def _comment(piece: re.Match[str]) -> str:
    return piece[0] if piece[0].startswith('"') else " " + "\n" * piece[0].count("\n")


def _last_comma(piece: re.Match[str]) -> str:
    return piece[0] if piece[0].startswith('"') else ""
