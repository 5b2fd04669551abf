"""Run an operation on a running facade."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .failures import Failure, WrongUsage

if TYPE_CHECKING:
    from ..causes import GraphQLFault

GRAPHQL_PATH = "/graphql"


@dataclass(frozen=True, slots=True)
class GraphQLAnswer:
    """The answer to an operation, from this process or another. `whole` is the response map."""

    executed: bool
    data: dict[str, Any] | None
    errors: "Sequence[GraphQLFault]"
    whole: Mapping[str, Any]


async def asked(
    url: str,
    document: str,
    variables: dict[str, Any] | None,
    operation: str | None,
    token: str | None,
    explain: str | None = None,
) -> GraphQLAnswer:
    """Return the answer of the facade at `url`, with or without the endpoint's path.

    Raises `WrongUsage` for an invalid URL, and `Failure` if there is no GraphQL answer.
    """
    from graphql import GraphQLError

    from ..butlr import ButlrError, Http

    base = url.rstrip("/").removesuffix(GRAPHQL_PATH)
    try:
        http = Http(base)
    except ValueError as exc:
        raise WrongUsage(f"--url: {exc}.") from exc
    body: dict[str, Any] = {"query": document, "variables": variables, "operationName": operation}
    if explain:
        body["extensions"] = {"explain": explain}
    try:
        reply = await http.send("POST", GRAPHQL_PATH, body=json.dumps(body).encode(), token=token)
        answer = json.loads(reply.body)
    except (ButlrError, ValueError) as exc:
        raise Failure(f"{url} did not answer as expected: {exc}") from exc
    finally:
        await http.aclose()
    if not isinstance(answer, dict) or not {"data", "errors"} & answer.keys():
        raise Failure(f"{url} answers {reply.status} without a GraphQL answer. Is it a facade?")
    errors = [
        GraphQLError(str(error.get("message")), path=error.get("path"), extensions=error.get("extensions"))
        for error in answer.get("errors") or ()
    ]
    return GraphQLAnswer("data" in answer, answer.get("data"), errors, answer)
