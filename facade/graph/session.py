"""The login mutations: each is the REST call of the same name."""

from typing import Any

import strawberry
from strawberry import UNSET

from .context import Info
from .fields import described


@strawberry.type(description="The tokens of a login. Send `access_token` as `Authorization: Bearer …`.")
class Session:
    access_token: str = described("The token for all calls.")
    refresh_token: str | None = described(
        "A token for one new session; null after a client login, which is repeated instead."
    )
    id_token: str | None = described("The identity of the user, as a JWT.")
    scope: str | None = described("The permissions of the token.")
    expires_in: int = described("The lifetime of the token in seconds.")
    token_type: str = described("Bearer.")


async def _login(info: Info, username: str, password: str) -> Any:
    return await info.context.butlr.login(username, password)


async def _refresh_token(info: Info, client_id: str, refresh_token: str) -> Any:
    return await info.context.butlr.refresh(client_id, refresh_token)


async def _client_login(
    info: Info,
    client_id: str,
    client_secret: str,
    audience: str | None = UNSET,
    grant_type: str | None = UNSET,
) -> Any:
    return await info.context.butlr.client_login(
        client_id,
        client_secret,
        **({"audience": audience} if audience else {}),
        **({"grant_type": grant_type} if grant_type else {}),
    )


@strawberry.type(description="Logins. They need no token, and nothing of them is stored.")
class Mutation:
    login = strawberry.field(
        resolver=_login, graphql_type=Session, description="Log in as a user (POST /api/v2/login)."
    )
    refreshToken = strawberry.field(
        resolver=_refresh_token,
        graphql_type=Session,
        description="Get a new session for a refresh token, which can be used only once. `client_id` is the access "
        "token's `azp` claim.",
    )
    clientLogin = strawberry.field(
        resolver=_client_login,
        graphql_type=Session,
        description="Log in as a client (POST /api/v2/clients/login). By default `audience` and `grant_type` have "
        "Butlr's own values.",
    )
