"""Read PowerShell's web commands (Invoke-WebRequest, Invoke-RestMethod) as requests, and its curl lines as words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .rest_request import RestRequest, Unreadable, is_authorizing

_BACKTICK = re.compile(r"[ \t]`\r?\n")
_COMMANDS = frozenset({"invoke-webrequest", "invoke-restmethod", "iwr", "irm"})
_COMMAND_LINE = re.compile(
    r"(?:^|[=|;(&])[ \t]*(?:invoke-webrequest|invoke-restmethod|iwr|irm)[ \t`]", re.IGNORECASE | re.MULTILINE
)
_OPTIONS = ("uri", "method", "body", "headers", "token", "credential", "infile", "form")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}
_PIECE = re.compile(
    r"""
    (?P<blank> `\r?\n | [ \t\r]+ | \#[^\n]* )
  | (?P<here> @'[ \t]*\r?\n (?P<verbatim> (?s:.*?) ) \r?\n'@ | @"[ \t]*\r?\n (?P<expanded> (?s:.*?) ) \r?\n"@ )
  | (?P<single> '(?:[^']|'')*' )
  | (?P<double> "(?:[^"`]|`(?s:.)|"")*" )
  | (?P<open> @?['"] )
  | (?P<opening> @\{ | @?\( | \{ )
  | (?P<closing> [)}] )
  | (?P<end> [\n;|] )
  | (?P<word> (?: [^\s'"`;|(){}@] | `(?s:.) | @(?!['"{(]) )+ | ` )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token. `parts` are the tokens within brackets: of a table `@{…}`, or of an expression."""

    text: str
    quoted: bool = False
    parts: "tuple[Token, ...] | None" = None


def is_powershell(text: str) -> bool:
    return _COMMAND_LINE.search(text) is not None


def has_backticks(text: str) -> bool:
    """Return whether a line continues after a backtick, as in PowerShell."""
    return _BACKTICK.search(text) is not None


def read_powershell(text: str) -> list[RestRequest]:
    """Return the requests of all web commands in a text. Raises `Unreadable`."""
    found: list[RestRequest] = []
    values: dict[str, Token] = {}
    try:
        for tokens in powershell_commands(text):
            if len(tokens) >= 3 and tokens[0].text.startswith("$") and tokens[1].text == "=":
                # `$body = '…'`. The result of a command has an unknown value.
                values[tokens[0].text.lower()] = tokens[2] if len(tokens) == 3 else Token("", parts=())
            found += _request(tokens, values)
    except ValueError as exc:
        raise Unreadable(f"The command line cannot be read: {exc}.") from exc
    if not found:
        raise Unreadable("The PowerShell command names no URL.")
    return found


def powershell_words(text: str) -> Iterator[list[str]]:
    """Yield the words of each command. Raises ValueError for an unclosed quote or bracket."""
    for tokens in powershell_commands(text):
        yield [token.text for token in tokens]


def powershell_commands(text: str) -> Iterator[list[Token]]:
    """Yield the tokens of each command. Raises ValueError for an unclosed quote or bracket."""
    command: list[Token] = []
    within: list[Token] = []
    opening, depth = "", 0
    position = 0
    while position < len(text):
        piece = _PIECE.match(text, position)
        if piece is None or piece["open"]:
            raise ValueError(f"a quote is never closed, in line {text.count(chr(10), 0, position) + 1}")
        position = piece.end()
        if piece["opening"]:
            opening = piece[0] if not depth else opening
            depth += 1
        elif piece["closing"]:
            depth -= 1
            if depth < 0:
                raise ValueError("a bracket closes that was never opened")
            if not depth:
                command.append(Token(opening, parts=tuple(within)))
                within = []
        elif piece["end"] and not depth:
            if command:
                yield command
            command = []
        elif (token := _token(piece)) is not None:
            (within if depth else command).append(token)
    if depth:
        raise ValueError("a bracket is never closed")
    if command:
        yield command


def _token(piece: re.Match[str]) -> Token | None:
    if piece["single"] is not None:
        return Token(piece[0][1:-1].replace("''", "'"), quoted=True)
    if piece["double"] is not None:
        return Token(re.sub(r'`(.)|""', _character, piece[0][1:-1], flags=re.DOTALL), quoted=True)
    if piece["here"] is not None:
        return Token(piece["verbatim"] if piece["verbatim"] is not None else piece["expanded"], quoted=True)
    if piece["word"] is not None:
        return Token(re.sub(r"`(.)", _character, piece[0], flags=re.DOTALL))
    return None


def _character(escape: re.Match[str]) -> str:
    return _ESCAPES.get(escape[1], escape[1]) if escape[1] is not None else '"'


def _request(tokens: list[Token], values: Mapping[str, Token]) -> Iterator[RestRequest]:
    start = next((at for at, one in enumerate(tokens) if not one.quoted and one.text.lower() in _COMMANDS), None)
    if start is None:
        return
    options = _options(tokens[start + 1 :])
    url = _known(options.get("uri"), values)
    if url is None or url.parts is not None:
        return
    body, problem = None, None
    if (given := _known(options.get("body"), values)) is not None:
        body = given.text if given.parts is None else _encoded_text(given.parts)
        if body is None:
            problem = "Its body is computed by PowerShell: replace it by its text in quotes."
    if "infile" in options or "form" in options:
        problem = "It sends a form or a file; the REST calls take JSON."
    method = _known(options.get("method"), values)
    headers = _known(options.get("headers"), values)
    names = headers.parts or () if headers is not None else ()
    authorized = any(is_authorizing(name.text.rstrip("=")) for name in names)
    yield RestRequest(
        method.text.upper() if method is not None else "GET",
        url.text,
        body,
        problem=problem,
        authorized=authorized or "token" in options or "credential" in options,
    )


def _options(tokens: list[Token]) -> dict[str, Token]:
    """Return the values of the relevant options. A name may be abbreviated, and the URL may have none."""
    found: dict[str, Token] = {}
    rest = iter(range(len(tokens)))
    for at in rest:
        token = tokens[at]
        if token.quoted or token.parts is not None or not token.text.startswith("-"):
            found.setdefault("uri", token)
            continue
        name, colon, joined = token.text[1:].partition(":")
        valued = at + 1 < len(tokens) and (tokens[at + 1].quoted or not tokens[at + 1].text.startswith("-"))
        value = Token(joined) if colon and joined else tokens[next(rest)] if valued and not _is_switch(name) else None
        option = next((one for one in _OPTIONS if name and one.startswith(name.lower())), None)
        if option is not None and value is not None:
            found[option] = value
    return found


def _is_switch(name: str) -> bool:
    return name.lower().startswith(("use", "skip", "disable", "passthru", "resume", "allow", "preserve"))


def _known(token: Token | None, values: Mapping[str, Token]) -> Token | None:
    """Return a token, or the value of the variable that it names."""
    if token is None or token.quoted or not token.text.startswith("$"):
        return token
    return values.get(token.text.lower(), token)


def _encoded_text(parts: tuple[Token, ...]) -> str | None:
    """Return the text in `[System.Text.Encoding]::UTF8.GetBytes("…")`, as browsers write it; None for anything else."""
    texts = [part.text for part in parts if part.quoted]
    others = "".join(part.text for part in parts if not part.quoted)
    return texts[0] if len(texts) == 1 and re.fullmatch(r"(?i)\[[\w.]+\]::UTF8\.GetBytes", others) else None
