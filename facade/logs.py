"""The log of this process, to stderr: columns for a terminal, logfmt elsewhere, or JSON."""

import asyncio
import json
import logging
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import orjson
import structlog

from . import tracing

Fields = Mapping[str, Any]
Line = Callable[[dict[str, Any]], str]

# Values that logfmt need not quote. Others are quoted as ASCII JSON, so that no caller's text breaks or colours a line.
_BARE = re.compile(r"[\w.:/@*+,\[\]{}()$&?%-]+", re.ASCII)
_CONTROLS = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_FIRST = ("timestamp", "level", "event")
_COLOURS = {"warning": "33", "error": "31", "critical": "31"}
_INDENT = " " * 9
# The event of the warning that says why parts of an answer are missing.
UPSTREAM_FAILED = "upstream failed"


def configure(log_format: str) -> None:
    line = _line_of(log_format)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _traced,
            structlog.processors.format_exc_info,
            lambda _logger, _method, fields: line(dict(fields)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", STDERR)),
        cache_logger_on_first_use=True,
    )
    # uvicorn's own messages contain no headers, and so no secrets.
    handler = logging.StreamHandler(STDERR)
    handler.setFormatter(_LibraryLines(line))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class _LibraryLines(logging.Formatter):
    """Formats the messages of libraries like all other lines."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        fields = {"timestamp": moment, "level": record.levelname.lower(), "event": record.getMessage()}
        fields["logger"] = record.name
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return self._line(fields)


class AccessLog:
    """Writes one line for each request, like all other lines.

    Not by structlog, whose processors take as long as serving a cached response. All lines of one turn of the event
    loop are one write.
    """

    def __init__(self, log_format: str) -> None:
        self._line = _line_of(log_format)
        self._cache_hit_line = _CACHE_HIT_LINES.get(self._line)
        self._lines: list[str] = []

    def __call__(self, **fields: Any) -> None:
        self._add(self._line({"timestamp": _now(), "level": "info", "event": "request", **fields}))

    def prepared(self, said: Fields) -> str:
        """Return the constant part of the lines about a cached response, for `cache_hit`."""
        if self._line is _json:
            return f",{_json(said)[1:-1]}" if said else ""
        return f" {logfmt(said)}" if said else ""

    def cache_hit(
        self, method: str, path: str, status: int, ms: float, request_id: str, said: Fields, prepared: str
    ) -> None:
        """Log a request that the response cache answered, from its prepared part and the values that differ.

        `path` is one of the facade's own and `request_id` is validated, so that neither needs quotes.
        """
        if self._cache_hit_line is None:
            self(method=method, path=path, status=status, ms=ms, request_id=request_id, cache="HIT", calls=0, **said)
        else:
            self._add(self._cache_hit_line % (_now(), method, path, status, ms, request_id, prepared))

    def _add(self, line: str) -> None:
        self._lines.append(line)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        write_line("\n".join([*lines, ""]))


class _Stderr:
    """stderr for logs: a full disk or a closed pipe loses lines, but raises nothing."""

    def write(self, text: str) -> int:
        # Python has no stderr if the process was started without one.
        with suppress(OSError, ValueError):
            return sys.stderr.write(text) if sys.stderr else 0
        return 0

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            if sys.stderr:
                sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr is not None and sys.stderr.isatty()


STDERR = _Stderr()


def write_line(text: str) -> None:
    """Write to the log. Never raises, since a failing log must not fail a request."""
    STDERR.write(text)


def _traced(_logger: object, _method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    fields.update(tracing.ids())
    return fields


def _line_of(log_format: str) -> Line:
    if log_format == "json":
        return _json
    return columns if STDERR.isatty() else logfmt


def logfmt(fields: Fields) -> str:
    """Write `name=value` pairs, with the time, the level and the event first."""
    first = {name: fields[name] for name in _FIRST if name in fields}
    return " ".join([f"{name}={_quoted(value)}" for name, value in {**first, **fields}.items()])


def _quoted(value: object) -> str:
    match value:
        case bool() | None:
            return json.dumps(value)
        case int() | float():
            return str(value)
        case dict():
            value = ",".join(f"{name}:{inner}" for name, inner in value.items())
        case list() | tuple():
            value = ",".join(map(str, value))
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text)


def columns(fields: Fields) -> str:
    """Write a line for a terminal: no wider than it, and with colours only for warnings and errors."""
    width = max(shutil.get_terminal_size().columns, 40)
    clock = str(fields.get("timestamp", ""))[11:19]
    if fields.get("event") == "request":
        return _request_columns(clock, fields, width)
    text = f"{clock} {fields.get('level')}: {_said(fields)}".rstrip()
    lines = textwrap.wrap(text, width, subsequent_indent=_INDENT)
    lines += map(_plain, str(fields.get("exception", "")).splitlines())
    colour = _COLOURS.get(str(fields.get("level")))
    return "\n".join(f"\x1b[{colour}m{line}\x1b[0m" if colour else line for line in lines)


def _said(fields: Fields) -> str:
    if fields.get("event") == UPSTREAM_FAILED:
        where = f" ({_plain(fields['where'])})" if fields.get("where") else ""
        return f"{UPSTREAM_FAILED}: {_codes({fields['code']: fields['count']})}{where}: {_plain(fields['error'])}"
    more = {name: value for name, value in fields.items() if name not in (*_FIRST, "exception")}
    return f"{_plain(fields.get('event'))} {logfmt(more)}"


def _request_columns(clock: str, fields: Fields, width: int) -> str:
    calls, outcome = fields.get("calls"), fields.get("outcome")
    cells = [
        f"{clock} {fields.get('status'):>3} {fields.get('ms'):>8.1f}ms {fields.get('cache', '-'):<6}",
        f"{'' if calls is None else calls:>3} {'call ' if calls == 1 else 'calls' if calls is not None else '     '}",
        _codes(fields["codes"]) if fields.get("codes") else "" if outcome in (None, "ok") else _plain(outcome),
        # An operation without a name is identified by its document's hash.
        _plain(fields.get("operation") or fields.get("document") or f"{fields.get('method')} {fields.get('path')}"),
    ]
    line = " ".join(cell for cell in cells if cell)
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _codes(codes: Mapping[str, int]) -> str:
    return _plain(",".join(code if count == 1 else f"{code}:{count}" for code, count in codes.items()))


def _now() -> str:
    return f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"


def _plain(value: object) -> str:
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in str(value))


def _json(fields: Fields) -> str:
    line = as_json(fields).decode()
    # DEL and the C1 controls too, which JSON allows unescaped and terminals interpret.
    return line if line.isascii() and "\x7f" not in line else _CONTROLS.sub(lambda one: f"\\u{ord(one[0]):04x}", line)


def as_json(fields: Fields) -> bytes:
    """Write JSON in one line. Never raises, unlike orjson for integers above 64 bits and lone surrogates."""
    try:
        return orjson.dumps(fields, default=str)
    except TypeError:
        return json.dumps(fields, default=str, skipkeys=True).encode()


# Templates of the lines about cached responses.
_CACHE_HIT_LINES: dict[Line, str] = {
    logfmt: "timestamp=%s level=info event=request method=%s path=%s status=%d ms=%s request_id=%s cache=HIT calls=0%s",
    _json: '{"timestamp":"%s","level":"info","event":"request","method":"%s","path":"%s","status":%d,"ms":%s,'
    '"request_id":"%s","cache":"HIT","calls":0%s}',
}
