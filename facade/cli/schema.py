"""`facade schema`: the schema as SDL."""

import typer

from .configured import configured


def schema() -> None:
    """Print the schema (SDL)."""
    from graphql import print_schema

    from ..schema import build_schema

    typer.echo(print_schema(build_schema(configured().extra_measurements)).rstrip("\n"))
