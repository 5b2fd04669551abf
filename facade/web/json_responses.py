"""JSON answers that nobody may keep: what is said of a request, and what holds for the moment."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from .cache_headers import NEVER_KEPT
from .graphql_request import JSON_TYPE


def fleeting(status: int, answer: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(answer), status, {**(headers or {}), **NEVER_KEPT}, media_type=JSON_TYPE)


def message(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """As Butlr's own errors are: `{"message"}`."""
    return fleeting(status, {"message": text}, headers)
