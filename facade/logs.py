"""How this process logs: one line an event, to stderr, as text or as JSON."""

import asyncio
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import orjson
import structlog


def configure(log_format: str) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_rendered(log_format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", STDERR)),
        cache_logger_on_first_use=True,
    )
    # uvicorn's own messages, in one handler that says no secrets: it logs no headers.
    logging.basicConfig(level=logging.WARNING, stream=STDERR, format="%(levelname)s %(name)s: %(message)s")


class AccessLog:
    """Writes a line a request, with what is given of it, in the form of all other lines.

    Not by way of structlog, unless someone is looking: its four processors take as long as a whole answer that is
    given again. And all lines of one turn of the event loop in one write.
    """

    def __init__(self, log_format: str) -> None:
        self._line: Callable[[dict[str, Any]], str] = _json if log_format == "json" else _text
        self._lines: list[str] = []
        self._shown = structlog.get_logger() if _is_watched(log_format) else None

    def __call__(self, **fields: Any) -> None:
        if self._shown:
            self._shown.info("request", **fields)
            return
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self._lines.append(self._line({"timestamp": now, "level": "info", "event": "request", **fields}))
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        write_line("\n".join([*lines, ""]))


class _Stderr:
    """stderr for logs: a disk that is full, or a reader that has gone, costs lines and nothing else."""

    def write(self, text: str) -> int:
        try:
            return sys.stderr.write(text)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except (OSError, ValueError):
            return


STDERR = _Stderr()


def write_line(text: str) -> None:
    """Write to the log. Never raises: what cannot be logged must not cost an answer."""
    STDERR.write(text)


def _is_watched(log_format: str) -> bool:
    return log_format == "text" and sys.stderr.isatty()


def _rendered(log_format: str) -> list[structlog.typing.Processor]:
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    if _is_watched(log_format):
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    # Nobody is looking: without colours and columns a line costs a fourth, and there is one a request.
    return [
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
    ]


def _text(fields: dict[str, Any]) -> str:
    return " ".join([f"{name}={value!r}" for name, value in fields.items()])


def _json(value: object, default: Callable[[Any], Any] | None = None, **_: object) -> str:
    return orjson.dumps(value, default=default).decode()
