"""`facade schema`: the schema as SDL."""

from typing import Annotated

import typer

from .configured import configured


def schema(
    api: Annotated[
        bool, typer.Option("--api", help="Omit what federation adds: for code generators of clients.")
    ] = False,
) -> None:
    """Print the schema (SDL)."""
    from graphql import print_schema

    from ..graph import api_of, build_schema

    settings = configured()
    built = build_schema(settings.extra_measurements, incremental=settings.incremental)
    typer.echo(print_schema(api_of(built) if api else built).rstrip("\n"))
