"""`facade check`: which upstream calls work with the current settings, and advice for those that fail."""

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .configured import configured
from .failures import Failure, WrongUsage
from .options import Token

if TYPE_CHECKING:
    from ..settings import Settings
    from .probes import Result

MARKS = {"works": "green", "fails": "red", "skipped": "yellow"}


def check(
    token: Token = None,
    username: Annotated[str | None, typer.Option(metavar="EMAIL", help="Log in as this user.")] = None,
    password: Annotated[
        str | None,
        typer.Option(
            envvar="BUTLR_PASSWORD", metavar="PASSWORD", help="The user's password. If omitted, there is a prompt."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make one call of each kind to the configured upstream, and report which calls work."""
    from .probes import Credentials, probe

    settings = configured()
    if username and password is None:
        password = typer.prompt("Password", hide_input=True, err=True)
    credentials = Credentials(token, username, password)
    if not (token or username or (settings.client_id and settings.client_secret)):
        raise WrongUsage(
            "There are no credentials: set BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET, or BUTLR_TOKEN or --token, "
            "or give --username."
        )
    results = asyncio.run(probe(settings, credentials))
    if as_json:
        answer = {"upstream": settings.base_url, "calls": [asdict(result) for result in results]}
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        _print(settings, results)
    if any(result.result == "fails" for result in results):
        raise typer.Exit(Failure.exit_code)


def _print(settings: "Settings", results: "list[Result]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("call", "result", "ms", "what it says"):
        table.add_column(name, justify="right" if name == "ms" else "left", overflow="fold")
    for result in results:
        said = f"{result.detail}\n{result.mend}" if result.mend else result.detail
        took = "" if result.ms is None else f"{result.ms:.0f}"
        table.add_row(result.call, Text(result.result, MARKS[result.result]), took, Text(said))
    console = Console(highlight=False)
    console.print(f"upstream: {settings.base_url}", markup=False)
    console.print(table)
