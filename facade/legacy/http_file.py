"""Requests as HTTP writes them, one or several (`.http` and `.rest` files of editors)."""

import re
from collections.abc import Iterator, Mapping

from .rest_request import RestRequest, Unreadable, is_authorizing

_BREAK = re.compile(r"^###(.*)$", re.MULTILINE)
_REQUEST_LINE = re.compile(r"(?:([A-Z]+)\s+)?(\S+?)(?:\s+HTTP/[\d.]+)?\s*", re.ASCII)
_TARGET = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*://|/|\{\{|\$|[\w.-]+[:/])")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\s*:")
_DEFINITION = re.compile(r"@(\S+?)\s*=\s*(.*)")
_NAME = re.compile(r"(?:#|//)\s*@name[\s=]+(.+)")
_VARIABLE = re.compile(r"\{\{([^{}]+)\}\}")
LONGEST = 2**20
# Scripts, and where to put the answer: instructions to the editor.
_INSTRUCTION = re.compile(r"^(?:<>|>>?!?\s|>\s*\{%)")


def read_http(text: str) -> list[RestRequest]:
    """Raises `Unreadable`."""
    defined = (_DEFINITION.fullmatch(line.strip()) for line in text.splitlines())
    known = {match[1]: match[2] for match in defined if match}
    pieces = _BREAK.split(text.replace("\r\n", "\n"))
    titled = zip(["", *pieces[1::2]], pieces[0::2], strict=True)
    found = [request for title, piece in titled for request in _request(title.strip(), piece, known)]
    if not found:
        raise Unreadable("It holds no request.")
    return found


def with_values(text: str, known: Mapping[str, str]) -> str:
    """Put values in place of the `{{names}}` that are known. A value may name others. Raises `Unreadable`."""
    room = LONGEST

    def value(found: re.Match[str]) -> str:
        nonlocal room
        put = known.get(found[1].strip(), found[0])
        room -= len(put)
        if room < 0:
            # Values that name each other may grow without end.
            raise Unreadable(f"With the values of its variables it is longer than {LONGEST} characters.")
        return put

    for _ in range(5):
        text, before = _VARIABLE.sub(value, text), text
        if text == before:
            break
    return text


def _request(name: str, piece: str, known: Mapping[str, str]) -> Iterator[RestRequest]:
    lines = piece.split("\n")
    while lines and (not lines[0].strip() or lines[0].lstrip().startswith(("#", "//", "@"))):
        named = _NAME.fullmatch(lines.pop(0).strip())
        name = named[1].strip() if named else name
    if not lines:
        return
    line = _REQUEST_LINE.fullmatch(with_values(lines.pop(0).strip(), known))
    if line is None or not _TARGET.match(line[2]):
        raise Unreadable(
            "It is neither a curl command, nor JSON, nor an HTTP request: a request begins with a line such as "
            "`POST /api/v3/reporting`."
        )
    url = line[2]
    while lines and lines[0].lstrip().startswith(("?", "&")):
        url += lines.pop(0).strip()
    authorized = False
    while lines and _HEADER.match(lines[0]):
        authorized = is_authorizing(lines.pop(0)) or authorized
    body = "\n".join(_body(lines)).strip()
    problem = None
    if re.match(r"<[^<>]*$", body):
        problem = f"Its body is in the file {body[1:].lstrip('@ ').strip()}: put the file's text in its place."
    text = with_values(body, known) or None
    yield RestRequest(line[1] or ("GET" if text is None else "POST"), url, text, name, problem, authorized)


def _body(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if _INSTRUCTION.match(line):
            return
        yield line
