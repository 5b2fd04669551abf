"""REST requests, in any form that people keep them in, as GraphQL operations."""

from dataclasses import dataclass

from graphql import GraphQLSchema

from ..butlr import REFRESH_PATH
from ..execution import Engine
from ..graph import build_schema
from .calls import Translation, translated
from .pasted import read
from .rest_request import Unreadable


@dataclass(frozen=True, slots=True)
class Translations:
    """`listed` is whether the text was a list of requests, however many there are in it."""

    all: list[Translation]
    listed: bool


def translations(text: str, *, schema: GraphQLSchema | None = None, refresh_path: str = REFRESH_PATH) -> Translations:
    """Translate each request of a text. Raises `Unreadable` for a text that holds none."""
    requests, listed = read(text)
    engine = Engine(schema or build_schema())
    return Translations([translated(request, engine, refresh_path) for request in requests], listed)


def translate_one(text: str, engine: Engine, refresh_path: str, *, suggest: bool = True) -> Translation:
    """Translate the one request of a text, as `translated` does. Raises `Unreadable` for another number of them."""
    requests, _ = read(text)
    if len(requests) != 1:
        raise Unreadable(f"It holds {len(requests)} requests: take one at a time, or run `facade translate`.")
    return translated(requests[0], engine, refresh_path, suggest=suggest)


def translate(text: str, *, schema: GraphQLSchema | None = None, refresh_path: str = REFRESH_PATH) -> list[Translation]:
    """Translate a curl line, an HTTP request, a JSON body with its path, or a Postman collection.

    What cannot be read at all is one translation, with its reason.
    """
    try:
        return translations(text, schema=schema, refresh_path=refresh_path).all
    except Unreadable as exc:
        return [Translation("the text", reason=str(exc))]
