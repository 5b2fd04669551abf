"""Read one or several requests in the form of HTTP messages (`.http` and `.rest` files of editors)."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from .rest_request import READ, RestRequest, Unreadable, is_authorizing, named_file

_BREAK = re.compile(r"^###(.*)$", re.MULTILINE)
_REQUEST_LINE = re.compile(r"(?:([A-Z]+)\s+)?(\S+?)(?:\s+HTTP/[\d.]+)?\s*", re.ASCII)
_TARGET = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*://|/|\{\{|\$|[\w.-]+[:/])")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\s*:")
_DEFINITION = re.compile(r"@(\S+?)\s*=\s*(.*)")
_NAME = re.compile(r"(?:#|//)\s*@name[\s=]+(.+)")
_VARIABLE = re.compile(r"\{\{([^{}]+)\}\}")
# Most characters that values of variables may add to the requests of one text.
LONGEST = 2**20
_COMMENTS = ("#", "//")
# Instructions to the editor: scripts, and where to save the answer.
_INSTRUCTION = re.compile(r"^(?:<>|>>?!?\s|>\s*\{%)")


class VariableValues:
    """Replaces the `{{names}}` of a text by values, which may contain further names. Their total length is bounded."""

    def __init__(self, known: Mapping[str, str] = MappingProxyType({}), *, room: list[int] | None = None) -> None:
        self._known = known
        # Shared with the values of nested folders.
        self._room = room if room is not None else [LONGEST]

    def within(self, more: Mapping[str, str]) -> "VariableValues":
        return VariableValues({**self._known, **more}, room=self._room) if more else self

    def put_into(self, text: str) -> str:
        """Replace the names in a text. Raises `Unreadable`."""
        for _ in range(5):
            text, before = _VARIABLE.sub(self._value, text), text
            if text == before:
                break
        return text

    def _value(self, found: re.Match[str]) -> str:
        put = self._known.get(found[1].strip())
        if put is None:
            return found[0]
        self._room[0] -= len(put)
        if self._room[0] < 0:
            raise Unreadable(f"With the values of its variables it is longer than {LONGEST} characters.")
        return put


def read_http(text: str) -> list[RestRequest]:
    """Return the requests of a text. Raises `Unreadable`."""
    defined = (_DEFINITION.fullmatch(line.strip()) for line in text.splitlines())
    values = VariableValues({match[1]: match[2] for match in defined if match})
    pieces = _BREAK.split(text.replace("\r\n", "\n"))
    titled = zip(["", *pieces[1::2]], pieces[0::2], strict=True)
    found = [request for title, piece in titled for request in _request(title.strip(), piece, values)]
    if not found:
        raise Unreadable("It contains no request.")
    return found


def _request(name: str, piece: str, values: VariableValues) -> Iterator[RestRequest]:
    lines = iter(piece.split("\n"))
    first = ""
    for line in lines:
        stripped = line.strip()
        if stripped and not stripped.startswith((*_COMMENTS, "@")):
            first = stripped
            break
        if named := _NAME.fullmatch(stripped):
            name = named[1].strip()
    if not first:
        return
    request_line = _REQUEST_LINE.fullmatch(values.put_into(first))
    if request_line is None or not _TARGET.match(request_line[2]):
        raise Unreadable(
            f"It is neither a curl command, nor JSON, nor an HTTP request, nor anything else that is read ({READ}). "
            "An HTTP request begins with a line "
            "such as `POST /api/v3/reporting`."
        )
    url, authorized, body = [request_line[2]], False, list[str]()
    is_query = True
    for line in lines:
        is_query = is_query and line.lstrip().startswith(("?", "&"))
        if is_query:
            url.append(line.strip())
        elif _HEADER.match(line):
            authorized = is_authorizing(line) or authorized
        elif not line.lstrip().startswith(_COMMENTS):
            body = [line, *lines]
    text = "\n".join(_body(body)).strip()
    problem = None
    if re.match(r"<[^<>]*$", text):
        problem = f"Its body is in {named_file(text[1:].lstrip('@ ').strip())}: put the file's text in its place."
    written = values.put_into(text) or None
    yield RestRequest(
        request_line[1] or ("GET" if written is None else "POST"), "".join(url), written, name, problem, authorized
    )


def _body(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if _INSTRUCTION.match(line):
            return
        yield line
