"""Translate REST requests, in any supported form, to GraphQL operations."""

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
    """The translations of a text. `listed` says whether the text was a list, which may have a single request."""

    all: list[Translation]
    listed: bool


def translations(text: str, *, schema: GraphQLSchema | None = None, refresh_path: str = REFRESH_PATH) -> Translations:
    """Translate each request of a text. Raises `Unreadable` for a text without any."""
    requests, listed = read(text)
    engine = Engine(schema or build_schema())
    return Translations([translated(request, engine, refresh_path) for request in requests], listed)


def translate_one(text: str, engine: Engine, refresh_path: str, *, suggest: bool = True) -> Translation:
    """Translate the only request of a text, as `translated` does. Raises `Unreadable` for any other number."""
    requests, _ = read(text)
    if len(requests) != 1:
        raise Unreadable(f"It holds {len(requests)} requests: take one at a time, or run `facade translate`.")
    return translated(requests[0], engine, refresh_path, suggest=suggest)


def translate(text: str, *, schema: GraphQLSchema | None = None, refresh_path: str = REFRESH_PATH) -> list[Translation]:
    """Translate a curl line, an HTTP request, a JSON body with its path, or a Postman collection.

    A text that cannot be read gives one translation with the reason.
    """
    try:
        return translations(text, schema=schema, refresh_path=refresh_path).all
    except Unreadable as exc:
        return [Translation("the text", reason=str(exc))]
