"""The audit log: the caller of each operation, its cost and its outcome. It never has tokens, variables or answers."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import structlog
from graphql import GraphQLError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...auth import Caller, Service, Verified
from ...butlr import ButlrError
from ...causes import Cause, grouped
from ...logs import as_json, write_line

log = structlog.get_logger(__name__)

STDERR = "stderr"
# Key of the ASGI scope for notes on a request's operation, used by this log and the access log.
NOTED = "facade.audit"
# Key of the ASGI scope for the errors of a request's answer, by cause.
CAUSES = "facade.causes"
# Most characters of an operation's name, which a client may make as long as a request may be.
LONGEST_NAME = 200


class AuditLog:
    """Appends one line for each record to a file, or to stderr. If the file is moved away, a new one is created."""

    def __init__(self, target: str) -> None:
        """Open the log. Raises OSError for a file that cannot be written."""
        self._path = None if target == STDERR else target
        self._failing = False
        # Whether the file ends with an incomplete record, as after a full disk.
        self._torn = False
        if self._path:
            os.close(self._open(self._path))

    def write(self, record: dict[str, Any]) -> None:
        line = as_json(record) + b"\n"
        if self._path is None:
            write_line(line.decode())
            return
        try:
            file = self._open(self._path)
            try:
                # One write, so that lines of several processes do not mix.
                line = b"\n" + line if self._torn else line
                self._torn = os.write(file, line) < len(line)
            finally:
                os.close(file)
        except OSError as error:
            if not self._failing:
                self._failing = True
                log.error("audit.unwritten", reason=error.strerror)  # noqa: TRY400 -- the reason says it all
            return
        self._failing = False

    @staticmethod
    def _open(path: str) -> int:
        # Non-blocking, so that a pipe without a reader fails at once.
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)


class Audited:
    """ASGI middleware inside `AccessLogging`, which gives request ids: writes a record of each operation."""

    def __init__(self, app: ASGIApp, audit: AuditLog) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        noted: dict[str, Any] = scope.setdefault(NOTED, {})
        status, written = 500, False

        def write() -> None:
            nonlocal written
            # Requests for pages, /metrics and the like are no operations.
            if noted and not written:
                written = True
                read_log = scope.get("facade.read_log")
                self._audit.write(
                    record(noted, scope.get("request_id"), status=status, calls=read_log.calls if read_log else 0)
                )

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body" and not message.get("more_body"):
                # Written before the last part is sent, so that no client has the whole answer without a record.
                write()
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            write()


def note(scope: Scope, **what: Any) -> None:
    """Note facts about a request's operation (one with a `type`). Does nothing where no log is kept."""
    noted = scope.get(NOTED)
    if noted is not None:
        noted.update(what)


def note_caller(scope: Scope, caller: Caller | None) -> None:
    if scope.get(NOTED) is None or caller is None:
        return
    note(scope, who=caller.scope)
    if isinstance(caller, Verified) and caller.tenant is not None:
        note(scope, tenant=caller.tenant)
    if isinstance(caller, Service) and caller.key is not None:
        # The key's number in the setting, since a short key could be guessed from its hash.
        note(scope, key=caller.key)


def note_document(scope: Scope, text: str, name: str | None) -> None:
    if scope.get(NOTED) is not None:
        note(scope, operation=name and name[:LONGEST_NAME], document=sha256(text.encode()).hexdigest())


def note_errors(scope: Scope, errors: Iterable[GraphQLError]) -> list[Cause]:
    """Note the errors of an answer, and return them by cause."""
    causes = scope[CAUSES] = grouped(errors)
    note(scope, codes=sorted({cause.code for cause in causes}))
    return causes


def note_failure(scope: Scope, error: ButlrError) -> None:
    """Note that the call of a REST request failed."""
    place = error.path or ""
    scope[CAUSES] = [Cause(error.code, str(error), place, Counter([place]))]
    note(scope, codes=[error.code])


def noted(scope: Scope) -> dict[str, Any]:
    """Return the notes on the operation so far; empty without a log."""
    return dict(scope.get(NOTED) or {})


def record(noted: Mapping[str, Any], request_id: str | None, *, status: int, calls: int) -> dict[str, Any]:
    """Return the log record of an operation from its notes."""
    more = dict(noted)
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": request_id,
        "type": more.pop("type", None),
        "who": more.pop("who", None),
        "operation": more.pop("operation", None),
        "status": status,
        "outcome": more.pop("outcome", "ok" if status < 400 else "refused"),
        "codes": more.pop("codes", []),
        "calls": calls,
        **more,
    }
