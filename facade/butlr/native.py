"""Refusals by Butlr's own GraphQL API, which are in the body: their status may be 200."""

from __future__ import annotations

from typing import Any

import msgspec

from .errors import Forbidden, Unauthenticated


class _Answer(msgspec.Struct):
    # Decoded only where it decides, since a list of all sensors is megabytes.
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: Any = None


def raise_refusal(body: bytes, path: str) -> None:
    """Raise `Unauthenticated` or `Forbidden` if an answer refuses the token. Some records make it no refusal to all."""
    if b'"errors"' not in body:
        return
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        codes = error_codes(answer.errors)
        is_partial = "FORBIDDEN" in codes and _has_records(msgspec.json.decode(answer.data))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        # The decoders of answers judge it.
        return
    if "UNAUTHENTICATED" in codes:
        text = f"Butlr refused the token (on {path}). Log in again for a fresh one."
        raise Unauthenticated(text, path=path)
    if "FORBIDDEN" in codes and not is_partial:
        text = f"Butlr does not allow this to the token (on {path}). Use an account that may."
        raise Forbidden(text, path=path)


def error_codes(errors: object) -> set[str]:
    """Return the codes in the `errors` of an answer."""
    listed = errors if isinstance(errors, list) else ()
    extensions = [error.get("extensions") for error in listed if isinstance(error, dict)]
    return {code for each in extensions if isinstance(each, dict) and isinstance(code := each.get("code"), str)}


def records_in(data: object, kind: str) -> list[Any] | None:
    """Return the records of one list of an answer's `data`, wrapped or not; None if there is no such list."""
    found = data.get(kind) if isinstance(data, dict) else None
    if isinstance(found, dict):
        found = found.get("data")
    return found if isinstance(found, list) else None


def _has_records(data: object) -> bool:
    return isinstance(data, dict) and any(records_in(data, kind) for kind in data)
