"""`POST /graphiql/translate`: translates a REST request that is pasted into GraphiQL's page."""

import asyncio
from dataclasses import KW_ONLY, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...butlr import RateLimited
from ...execution import Engine
from ...legacy import Unreadable, translate_one
from ..graphql_request import JSON_TYPE, BadRequest, read_body, read_json
from ..json_responses import fleeting
from ..rate_limit import RateLimit, address_of

PATH = "/graphiql/translate"
# Bytes of a text, and of the JSON around it, in which each character may be an escape of six bytes.
MOST_TEXT = 64 * 1024
MOST_BODY = 6 * MOST_TEXT + 1024
# Variables of the logins, for which the page has its own dialog.
SECRETS = ("password", "client_secret", "refresh_token")


@dataclass(frozen=True, slots=True)
class TranslateEndpoint:
    """Takes `{"text"}`; answers `{"query", "variables", "left_out"}`, or `{"code", "message"}`.

    It needs no token, since the answer follows from the schema. Credentials in the pasted request are not used, kept,
    logged or returned; `left_out` names them.
    """

    engine: Engine
    _: KW_ONLY
    refresh_path: str
    max_body_bytes: int
    introspection: bool = True
    rate_limit: RateLimit | None = None

    def route(self) -> BaseRoute:
        return Route(PATH, self._answer, methods=["POST"])

    async def _answer(self, request: Request) -> Response:
        try:
            if self.rate_limit:
                await self.rate_limit.check(address_of(request))
            text = await self._text(request)
            # In a thread, since a long text takes some time.
            return await asyncio.to_thread(self._translated, text)
        except BadRequest as refused:
            return _refusal(refused.status, "BAD_USER_INPUT", str(refused), refused.headers)
        except RateLimited as limited:
            return _refusal(429, limited.code, str(limited), {"Retry-After": f"{limited.retry_after:.0f}"})

    async def _text(self, request: Request) -> str:
        # A page of another site can send this content type only after a preflight.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
            raise BadRequest(415, f"Send the text as {JSON_TYPE}.", {"Accept-Post": JSON_TYPE})
        try:
            body = read_json(await read_body(request, min(self.max_body_bytes, MOST_BODY)))
        except ValueError as exc:
            raise BadRequest(400, "The body is not JSON.") from exc
        text = body.get("text") if isinstance(body, dict) else None
        if not isinstance(text, str):
            raise BadRequest(400, "The body must be a JSON object with `text`.")
        if len(text.encode(errors="surrogatepass")) > MOST_TEXT:
            raise BadRequest(413, f"The text is longer than {MOST_TEXT} bytes. Run `facade translate` for longer ones.")
        return text

    def _translated(self, text: str) -> Response:
        try:
            found = translate_one(text, self.engine, self.refresh_path, suggest=self.introspection)
        except Unreadable as exc:
            return _refusal(422, "UNREADABLE", str(exc))
        if found.query is None:
            return _refusal(422, "UNTRANSLATABLE", found.reason or "")
        variables = dict(found.variables)
        secrets = [name for name in SECRETS if variables.get(name)]
        variables.update(dict.fromkeys(secrets, ""))
        left_out = [*(["authorization"] if found.authorized else []), *secrets]
        return fleeting(200, {"query": found.query, "variables": variables, "left_out": left_out})


def _refusal(status: int, code: str, message: str, headers: Any = None) -> Response:
    return fleeting(status, {"code": code, "message": message}, headers)
