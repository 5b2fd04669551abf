"""JSON answers that no cache may keep."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from .cache_headers import NEVER_KEPT
from .graphql_request import JSON_TYPE


def fleeting(status: int, answer: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(answer), status, {**(headers or {}), **NEVER_KEPT}, media_type=JSON_TYPE)


def message(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error in the form of Butlr's own: `{"message"}`."""
    return fleeting(status, {"message": text}, headers)
