"""The errors of calls to Butlr.

    ButlrError
    ├── BadInput             BAD_USER_INPUT             400, 422 and every 4xx not named below
    ├── Unauthenticated      UNAUTHENTICATED            401
    ├── Forbidden            FORBIDDEN                  403
    ├── NotFound             NOT_FOUND                  404
    ├── RateLimited          RATE_LIMITED               429
    ├── UpstreamTimeout      UPSTREAM_TIMEOUT           our deadline, a socket's, 408, 504
    ├── UpstreamUnavailable  UPSTREAM_UNAVAILABLE       refused, cut, 5xx
    └── InvalidResponse      UPSTREAM_INVALID_RESPONSE  no HTTP, a redirect, HTML, JSON of another shape

`str(error)` may be shown to any client. `path`, `status` and `body` are for logs and for forwarding the upstream's
answer.
"""

from __future__ import annotations

import re
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from ._loose import as_object

MESSAGE_LIMIT = 300
DEFAULT_RETRY_AFTER = 60.0
MAX_RETRY_AFTER = 86_400.0


class ButlrError(Exception):
    code: str = "UPSTREAM_UNAVAILABLE"

    def __init__(
        self,
        message: str = "",
        *,
        path: str = "",
        status: int | None = None,
        sent: bool = True,
        retry_after: float | None = None,
        body: bytes = b"",
        content_type: str | None = None,
        too_much: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.status = status
        # False only if it is certain that the upstream did not receive the request.
        self.sent = sent
        self.retry_after = retry_after
        self.body = body
        self.content_type = content_type
        # The answer is too large, or would take too long: parts of it may be asked for.
        self.too_much = too_much

    @property
    def extensions(self) -> dict[str, Any]:
        if self.retry_after is None:
            return {"code": self.code}
        return {"code": self.code, "retryAfter": self.retry_after}


class BadInput(ButlrError):  # noqa: N818 - named for what happened
    code = "BAD_USER_INPUT"


class NotFound(ButlrError):  # noqa: N818 - named for what happened
    code = "NOT_FOUND"


class Unauthenticated(ButlrError):  # noqa: N818 - named for what happened
    code = "UNAUTHENTICATED"


class Forbidden(ButlrError):  # noqa: N818 - named for what happened
    code = "FORBIDDEN"


class RateLimited(ButlrError):  # noqa: N818 - named for what happened
    code = "RATE_LIMITED"
    # A minute if Butlr does not say.
    retry_after: float

    def __init__(self, message: str = "", *, retry_after: float = DEFAULT_RETRY_AFTER, **rest: Any) -> None:
        super().__init__(message, retry_after=retry_after, **rest)


class UpstreamTimeout(ButlrError):  # noqa: N818 - named for what happened
    code = "UPSTREAM_TIMEOUT"

    def __init__(self, message: str = "", *, too_much: bool = True, **rest: Any) -> None:
        super().__init__(message, too_much=too_much, **rest)


class UpstreamUnavailable(ButlrError):  # noqa: N818 - named for what happened
    code = "UPSTREAM_UNAVAILABLE"


class InvalidResponse(ButlrError):  # noqa: N818 - named for what happened
    code = "UPSTREAM_INVALID_RESPONSE"


_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*>")
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")


def clean(text: str) -> str:
    """Clean an upstream message for clients: one line, no markup, no token, at most MESSAGE_LIMIT characters."""
    text = text[: MESSAGE_LIMIT * 10]
    # Removing a tag may leave another one ("<a<b> c>").
    while (shorter := _TAG.sub(" ", text)) != text:
        text = shorter
    text = _JWT.sub("[token]", text)
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1].rstrip() + "…"


def upstream_message(body: bytes, content_type: str | None) -> str:
    """Return the message of an error body, cleaned; "" if it has none for a person."""
    try:
        answer = as_object(orjson.loads(body))
    except ValueError:
        # Go's http.Error writes plain text. HTML is a proxy's page, not a message.
        plain = (content_type or "").startswith("text/plain")
        return clean(body[: MESSAGE_LIMIT * 10].decode("utf-8", "replace")) if plain else ""
    error = answer.get("error")
    said = [
        answer.get("message"),
        error.get("message") if isinstance(error, dict) else error,
        answer.get("error_description"),
        answer.get("details"),
    ]
    parts = list(dict.fromkeys(text.strip() for text in said if isinstance(text, str) and text.strip()))
    if listed := _listed_errors(answer.get("errors")):
        parts.append(listed)
    return clean(": ".join(parts))


def _listed_errors(errors: object) -> str:
    texts = []
    for error in errors[:20] if isinstance(errors, list) else ():
        if isinstance(error, dict):
            parts = [part for part in (error.get("field"), error.get("message")) if isinstance(part, str) and part]
            texts.append(": ".join(parts))
        elif isinstance(error, str):
            texts.append(error)
    return "; ".join(filter(None, texts))


def parse_retry_after(value: str | None, now: float | None = None) -> float | None:
    """Parse `Retry-After` to seconds; None if it is absent or invalid. `now` is epoch seconds."""
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return min(float(value), MAX_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(value)
        # The asctime format has no zone and means UTC (RFC 9110, 5.6.7).
        moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(moment - (time.time() if now is None else now), 0.0), MAX_RETRY_AFTER)


_CLASS_BY_STATUS: dict[int, type[ButlrError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    # Sent by a proxy, never by Butlr, so the caller is not at fault.
    407: UpstreamUnavailable,
    408: UpstreamTimeout,
    429: RateLimited,
    504: UpstreamTimeout,
}


def error_for_status(
    status: int,
    path: str,
    *,
    body: bytes = b"",
    content_type: str | None = None,
    retry_after: str | None = None,
    now: float | None = None,
) -> ButlrError:
    """Return the error for a status that is not 2xx. `retry_after` is the unparsed header."""
    if 400 <= status < 600:
        kind = _CLASS_BY_STATUS.get(status, BadInput if status < 500 else UpstreamUnavailable)
    else:
        kind = InvalidResponse
    wait = parse_retry_after(retry_after, now)
    if wait is None and kind is RateLimited:
        wait = DEFAULT_RETRY_AFTER
    detail = upstream_message(body, content_type) if 400 <= status < 500 else ""
    error = kind(
        _message(kind, status, path, detail, wait),
        path=path,
        status=status,
        body=body,
        content_type=content_type,
    )
    error.retry_after = wait
    return error


# Each message says what happened, then what to do.
_MESSAGES: dict[type[ButlrError], str] = {
    BadInput: "Butlr refused the request {where}{because}. Check its arguments.",
    Unauthenticated: "Butlr refused the token {where}{because}. Log in again for a fresh one.",
    Forbidden: "The token may not do this at Butlr {where}{because}. Use an account that may.",
    NotFound: "Butlr found nothing {where}{because}. Check the ids asked for.",
    RateLimited: "Butlr asks for fewer calls {where}. Try again in {wait:.0f} seconds.",
    UpstreamTimeout: "Butlr took too long {where}. Ask for a shorter span, or try again.",
    UpstreamUnavailable: "Butlr failed {where}. Try again in a moment.",
    InvalidResponse: "The answer from Butlr's address is not one of its API {where}. Check the base URL.",
}


def _message(kind: type[ButlrError], status: int, path: str, detail: str, wait: float | None) -> str:
    if status == 407:
        return f"The proxy between the facade and Butlr requires a login (407 on {path}). Put it into HTTPS_PROXY."
    because = f": {detail.rstrip('.')}" if detail else ""
    return _MESSAGES[kind].format(where=f"({status} on {path})", because=because, wait=wait or 0)


def undecodable(body: bytes, path: str, expected: str) -> InvalidResponse:
    """Return the error for a 2xx with an invalid body. `expected` names what the endpoint should answer."""
    start = body[:64].lstrip()
    if not start:
        return InvalidResponse(f"Butlr answered {path} with nothing rather than {expected}.", path=path)
    if start.startswith(b"<"):
        text = f"Butlr answered {path} with a web page rather than {expected}. Check the base URL and any proxy."
        return InvalidResponse(text, path=path)
    return InvalidResponse(f"Butlr answered {path} with something other than {expected}. Try again.", path=path)
