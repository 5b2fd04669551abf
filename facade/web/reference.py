"""What describes the REST side: its OpenAPI document, and a Postman collection made of it."""

from importlib.metadata import version

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..legacy.collection import collection
from ..legacy.openapi import document
from .answers import fleeting
from .params import JSON_TYPE
from .prefix import prefix_of

OPENAPI_PATH = "/api/openapi.json"
POSTMAN_PATH = "/api/postman.json"
HEADERS = {"Cache-Control": "public, max-age=300", "Vary": "X-Forwarded-Prefix"}


class Reference:
    """Says nothing that the source does not say to anyone, so it takes no token."""

    def __init__(self, *, refresh_path: str) -> None:
        self._document = document(version=version("butlr-graphql-facade"), refresh_path=refresh_path)

    def routes(self) -> list[BaseRoute]:
        return [Route(OPENAPI_PATH, self._openapi), Route(POSTMAN_PATH, self._postman)]

    async def _openapi(self, request: Request) -> Response:
        served = {**self._document, "servers": [{"url": prefix_of(request.scope) or "/"}]}
        return Response(orjson.dumps(served), 200, HEADERS, media_type=JSON_TYPE)

    async def _postman(self, request: Request) -> Response:
        # It names the facade by the address that it was asked at, so it is that asker's own.
        made = collection(self._document, f"{str(request.base_url).rstrip('/')}{prefix_of(request.scope)}/")
        return fleeting(200, made)
