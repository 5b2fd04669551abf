"""The OpenAPI document of the REST paths, and a Postman collection made from it."""

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
# `?ended=true` includes the operations that only answer that they have ended.
ENDED = "ended"
HEADERS = {"Cache-Control": "public, max-age=300", "Vary": "X-Forwarded-Prefix"}


class Reference:
    """Serves both documents. They need no token, since the source code is public too."""

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
        # The collection has the facade's URL as this client reached it, so it is made for each request.
        made = collection(self._living, f"{str(request.base_url).rstrip('/')}{prefix_of(request.scope)}/")
        return fleeting(200, made)
