"""Split command lines of cmd, the shell of Windows, into words. Browsers on Windows copy curl commands in this form."""

import re
from collections.abc import Iterator

_CONTINUED = re.compile(r"[ \t]\^\r?\n")
_QUOTE = re.compile("['\"]")


def is_cmd(text: str, start: int) -> bool:
    """Return whether the text after `start` is quoted by carets, or continues after one at the end of a line."""
    quote = _QUOTE.search(text, start)
    return (quote is not None and text[quote.start() - 1] == "^") or _CONTINUED.search(text, start) is not None


def cmd_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command. Raises ValueError for an unclosed quote."""
    for line in _uncareted(text.replace("\r\n", "\n")):
        if words := _arguments(line):
            yield words


def _uncareted(text: str) -> Iterator[str]:
    """Yield each command without its carets. Within plain quotes a caret is an ordinary character."""
    line: list[str] = []
    quoted = False
    position, end = 0, len(text)
    while position < end:
        char = text[position]
        position += 1
        if char == "^" and not quoted:
            if text[position : position + 1] == "\n":
                # The command continues on the next line, whose first character is taken literally.
                position += 1
            line.append(text[position : position + 1])
            position += 1
        elif not quoted and char in "\n&|":
            yield "".join(line)
            line = []
        else:
            quoted = quoted != (char == '"')
            line.append(char)
    yield "".join(line)


_PIECE = re.compile(r'(?P<blank>[ \t\n]+)|(?P<slashes>\\+)(?P<escaping>"?)|(?P<quotes>"{1,2})|[^\s\\"]+|\s')


def _arguments(line: str) -> list[str]:
    """Split words as a Windows program does: `\"` and, within quotes, `""` are a quote."""
    words: list[str] = []
    word: list[str] | None = None
    quoted = False
    for piece in _PIECE.finditer(line):
        if piece["blank"] and not quoted:
            if word is not None:
                words.append("".join(word))
            word = None
            continue
        word = word if word is not None else []
        if piece["quotes"]:
            # Within quotes a doubled quote is a quote; outside it is an empty text.
            if len(piece[0]) == 1:
                quoted = not quoted
            elif quoted:
                word.append('"')
        elif piece["slashes"]:
            word.append(_backslashes(len(piece["slashes"]), piece["escaping"]))
            quoted = quoted != (bool(piece["escaping"]) and len(piece["slashes"]) % 2 == 0)
        else:
            word.append(piece[0])
    if quoted:
        raise ValueError("a quote is never closed")
    if word is not None:
        words.append("".join(word))
    return words


def _backslashes(count: int, quote: str) -> str:
    """Return the text of backslashes: before a quote two are one, and an odd one makes the quote a character."""
    return "\\" * (count // 2) + quote * (count % 2) if quote else "\\" * count
