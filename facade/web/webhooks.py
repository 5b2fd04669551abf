"""`POST /webhooks/butlr`: receives Butlr's events."""

import base64
import binascii
import hmac
from collections.abc import Callable

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..live import BadEvent, Live
from ..live.events import WebhookEvent, event_of
from .cache_headers import NEVER_KEPT
from .graphql_request import BadRequest, read_body

PATH = "/webhooks/butlr"
MOST_EVENTS = 1000


class WebhookEndpoint:
    """Accepts an event, or a list of them, from a sender with the secret, since Butlr does not sign its webhooks."""

    def __init__(self, live: Callable[[], Live], secret: str, *, max_body_bytes: int) -> None:
        self._live = live
        self._secret = secret.encode()
        self._max_body_bytes = max_body_bytes

    def route(self) -> Route:
        return Route(PATH, self.take, methods=["POST"])

    async def take(self, request: Request) -> Response:
        if not self._knows_secret(request.headers):
            return _answer(401, "Send the secret of FACADE_WEBHOOK_SECRET as `X-API-Key` or by basic authentication.")
        try:
            events = _events(await read_body(request, self._max_body_bytes))
        except BadRequest as error:
            return _answer(error.status, str(error), "BAD_USER_INPUT")
        except BadEvent as error:
            return _answer(400, str(error), error.code)
        for event in events:
            await self._live().publish(event)
        return Response(status_code=204, headers=NEVER_KEPT)

    def _knows_secret(self, headers: Headers) -> bool:
        given = [headers.get("x-api-key", "")]
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            given.append(credentials.strip())
        elif scheme.lower() == "basic":
            try:
                text = base64.b64decode(credentials.strip(), validate=True)
            except (binascii.Error, ValueError):
                text = b""
            given.append(text.partition(b":")[2].decode(errors="replace"))
        # Each is compared in constant time, so that the time taken does not reveal the secret.
        return any([hmac.compare_digest(one.encode(), self._secret) for one in given])  # noqa: C419


def _events(body: bytes) -> list[WebhookEvent]:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise BadEvent(f"The body is not JSON: {exc}.") from exc
    listed = given if isinstance(given, list) else [given]
    if len(listed) > MOST_EVENTS:
        raise BadEvent(f"At most {MOST_EVENTS} events come in one body.")
    if not all(isinstance(one, dict) for one in listed):
        raise BadEvent("The body must be an event, or a list of them: JSON objects with id, type and timestamp.")
    return [event_of(one) for one in listed]


def _answer(status: int, message: str, code: str = "UNAUTHENTICATED") -> Response:
    error = {"message": message, "extensions": {"code": code}}
    return Response(orjson.dumps({"errors": [error]}), status, NEVER_KEPT, media_type="application/json")
