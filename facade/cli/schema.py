"""`facade schema`: the schema as SDL."""

import typer

from .configured import configured


def schema() -> None:
    """Print the schema (SDL)."""
    from graphql import print_schema

    from ..schema import build_schema

    settings = configured()
    typer.echo(print_schema(build_schema(settings.extra_measurements, incremental=settings.incremental)).rstrip("\n"))
