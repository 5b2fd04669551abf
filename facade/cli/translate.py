"""`facade translate`: REST requests as GraphQL operations, and as code to paste."""

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .configured import configured
from .failures import Failure, WrongUsage
from .files import read
from .output import json_text

if TYPE_CHECKING:
    from ..legacy import Translation


class SnippetFormat(StrEnum):
    text = "text"
    json = "json"


class Language(StrEnum):
    curl = "curl"
    fetch = "fetch"
    apollo = "apollo"
    python = "python"


# The names of `snippets`.
_SNIPPETS = {
    Language.curl: "curl",
    Language.fetch: "fetch",
    Language.apollo: "Apollo Client",
    Language.python: "Python",
}


def translate(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-",
            help="curl or PowerShell commands, HTTP requests, a JSON body with its path, a Postman collection or a HAR "
            "file; - reads stdin.",
        ),
    ],
    format_: Annotated[SnippetFormat, typer.Option("--format", help="The output format.")] = SnippetFormat.text,
    lang: Annotated[
        Language | None, typer.Option("--lang", help="Print only the code in this language, ready to run.")
    ] = None,
    url: Annotated[
        str, typer.Option(metavar="URL", help="The URL of the facade in the printed code.")
    ] = "http://127.0.0.1:8000/graphql",
) -> None:
    """Print the GraphQL operation for each REST request. Requests that have none are listed on stderr."""
    from ..graph import build_schema
    from ..legacy import Unreadable, snippets, translations

    if lang is not None and format_ is SnippetFormat.json:
        raise WrongUsage("--lang prints code, --format json prints operations: use only one of them.")
    settings = configured()
    try:
        found = translations(
            read(file), schema=build_schema(settings.extra_measurements), refresh_path=settings.refresh_path
        )
    except Unreadable as exc:
        raise Failure(f"{'stdin' if file == '-' else file}: {exc}") from exc
    done = [one for one in found.all if one.query is not None]
    for one in found.all:
        if one.reason is not None:
            typer.echo(f"{one.source}: {one.reason}", err=True)
    if format_ is SnippetFormat.json:
        listed = [{"query": one.query, "variables": one.variables} for one in done]
        if listed or found.listed:
            typer.echo(json_text(listed if found.listed else listed[0]))
    elif lang is not None:
        code = (snippets((one.query or "").strip(), one.variables, url)[_SNIPPETS[lang]] for one in done)
        typer.echo("\n\n".join(code), nl=bool(done))
    else:
        typer.echo("\n\n".join(_text(one, url) for one in done), nl=bool(done))
    if not done:
        raise typer.Exit(Failure.exit_code)


def _text(one: "Translation", url: str) -> str:
    from ..legacy import snippets

    query = (one.query or "").strip()
    parts = [f"# {one.source}", query, f"# Variables\n{json.dumps(one.variables, indent=2, ensure_ascii=False)}"]
    parts += [f"# {name}\n{code}" for name, code in snippets(query, one.variables, url).items()]
    return "\n\n".join(parts)
