"""Split shell commands into words: enough of the grammar for commands that people copy and paste.

`shlex` keeps the newline of a continued line and does not know `$'…'`, which browsers write.
"""

import re
from collections.abc import Iterator

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b", "E": "\x1b"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
# An unquoted piece, a quoted one, an escape, a comment, or the end of a word.
_PIECE = re.compile(
    r"""
    (?P<continued> \\\r?\n )
  | (?P<escaped> \\. )
  | (?P<single> '[^']*' )
  | (?P<ansi> \$'(?:\\.|[^'\\])*' )
  | (?P<double> "(?:\\.|[^"\\])*" )
  | (?P<open> ['"] | \$' )
  | (?P<blank> [ \t\r]+ )
  | (?P<separator> [\n;&|<>] )
  | (?P<plain> [^\\'"\s;&|<>$]+ | \$ | \\\Z )
    """,
    re.VERBOSE | re.DOTALL,
)


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command. Nothing is expanded. Raises ValueError for an unclosed quote."""
    words: list[str] = []
    word: list[str] | None = None
    position = 0
    while position < len(text):
        if word is None and text[position] == "#":
            line_end = text.find("\n", position)
            position = len(text) if line_end < 0 else line_end
            continue
        piece = _PIECE.match(text, position)
        if piece is None or piece.lastgroup == "open":
            # The message does not quote the text, which may have a token.
            raise ValueError(f"a quote is never closed, in line {text.count(chr(10), 0, position) + 1}")
        position = piece.end()
        if piece.lastgroup in ("blank", "separator"):
            if word is not None:
                words.append("".join(word))
            word = None
            if piece.lastgroup == "separator" and words:
                yield words
                words = []
        elif piece.lastgroup != "continued":
            # A list of pieces, since a word may have many.
            word = word if word is not None else []
            word.append(_unquoted(str(piece.lastgroup), piece[0]))
    if word is not None:
        words.append("".join(word))
    if words:
        yield words


def _unquoted(kind: str, piece: str) -> str:
    match kind:
        case "escaped":
            return piece[1:]
        case "single":
            return piece[1:-1]
        case "double":
            # Only these are escaped within double quotes. Any other backslash is literal.
            return re.sub(r'\\([\\"$`])|\\\r?\n', lambda found: found[1] or "", piece[1:-1])
        case "ansi":
            return _ESCAPE.sub(_character, piece[2:-1])
        case _:
            return piece


def _character(escape: re.Match[str]) -> str:
    code = escape[1]
    if code[0] in "uUx" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8))
    return _ESCAPES.get(code, code)
