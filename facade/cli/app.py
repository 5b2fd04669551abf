"""The command line app. It turns the commands' exceptions into a line on stderr and an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from .failures import Failure
from .lazy import LazyGroup

# Typer carries its own click and does not export the base of click's exceptions; BadParameter is one of them.
_USAGE_ERROR: Any = typer.BadParameter.__base__
_CLICK_EXCEPTION: Any = _USAGE_ERROR.__base__

# No pretty exceptions, which would print local variables and so secrets. No colours, which would double the time of
# `facade --help`.
app = typer.Typer(cls=LazyGroup, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"facade {version('butlr-graphql-facade')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def facade(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One GraphQL API over Butlr's REST API."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(args: Sequence[str]) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 wrong usage."""
    try:
        code: int = app(list(args), prog_name="facade", standalone_mode=False) or 0
        # Flushed here, since at the end of the process Python would print a traceback for a failure.
        sys.stdout.flush()
    except Failure as failure:
        return _say(str(failure), failure.exit_code)
    except OSError as error:
        return _unwritten(error)
    except typer.Abort:
        return _say("Stopped.", 1)
    except _CLICK_EXCEPTION as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "facade"
        return _say(f"{error.format_message().rstrip('.')}. See `{command} --help`.", error.exit_code)
    return code


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def _unwritten(error: OSError) -> int:
    """Report a file or stdout that could not be read or written. A closed pipe is not reported."""
    if not error.filename:
        # Buffered output would fail again at Python's exit, so stdout is redirected.
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 1
    where = f"{error.filename}: " if error.filename else "The output cannot be written: " if error.errno else ""
    return _say(f"{where}{error.strerror or error}.", 1)


def _say(message: str, exit_code: int) -> int:
    typer.echo(f"facade: {' '.join(message.split())}", err=True)
    return exit_code
