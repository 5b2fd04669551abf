"""What describes the REST side: its OpenAPI document, and a Postman collection made of it."""

from importlib.metadata import version

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...legacy.collection import collection
from ...legacy.openapi import document, without_ended
from ..graphql_request import JSON_TYPE
from ..json_responses import fleeting
from ..middleware.prefix import prefix_of

OPENAPI_PATH = "/api/openapi.json"
POSTMAN_PATH = "/api/postman.json"
# `?ended=true`: with the operations that only ever say that they have ended.
ENDED = "ended"
HEADERS = {"Cache-Control": "public, max-age=300", "Vary": "X-Forwarded-Prefix"}


class Reference:
    """Says nothing that the source does not say to anyone, so it takes no token."""

    def __init__(self, *, refresh_path: str) -> None:
        self._whole = document(version=version("butlr-graphql-facade"), refresh_path=refresh_path)
        self._living = without_ended(self._whole)

    def routes(self) -> list[BaseRoute]:
        return [Route(OPENAPI_PATH, self._openapi), Route(POSTMAN_PATH, self._postman)]

    async def _openapi(self, request: Request) -> Response:
        ended = request.query_params.get(ENDED, "") in ("1", "true")
        served = {**(self._whole if ended else self._living), "servers": [{"url": prefix_of(request.scope) or "/"}]}
        return Response(orjson.dumps(served), 200, HEADERS, media_type=JSON_TYPE)

    async def _postman(self, request: Request) -> Response:
        # It names the facade by the address that it was asked at, so it is that asker's own.
        made = collection(self._living, f"{str(request.base_url).rstrip('/')}{prefix_of(request.scope)}/")
        return fleeting(200, made)
