"""`facade query`: an operation run in this process, and its answer as a table, CSV or JSON."""

import asyncio
import json
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..causes import grouped
from . import output
from .asking import GraphQLAnswer, asked
from .configured import configured
from .failures import Failure, WrongUsage
from .files import read
from .opened import NO_LOGIN, opened
from .options import DocumentFile, FacadeUrl, OperationName, Sandbox, Token, Variables
from .sandboxed import sandbox_upstream
from .tables import tables
from .waiting import waiting

if TYPE_CHECKING:
    from ..execution import Engine, Outcome
    from ..graph import Context
    from ..settings import Settings


class QueryFormat(StrEnum):
    table = "table"
    json = "json"
    csv = "csv"
    parquet = "parquet"
    arrow = "arrow"
    plot = "plot"


def query(
    file: DocumentFile,
    variables: Variables = None,
    operation: OperationName = None,
    format_: Annotated[QueryFormat, typer.Option("--format", help="The output format.")] = QueryFormat.table,
    path: Annotated[
        str | None, typer.Option(metavar="PATH", help="Only the table at this path, such as sensors.data.detections.")
    ] = None,
    token: Token = None,
    sandbox: Sandbox = False,
    url: FacadeUrl = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the whole answer to a file.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Print all rows of long tables.")] = False,
) -> None:
    """Run an operation and print its answer. Errors go to stderr; then the exit code is 1."""
    if path is not None and format_ in (QueryFormat.json, QueryFormat.plot):
        raise WrongUsage("--path chooses a table: use it with --format table, csv, parquet or arrow.")
    if url is not None and sandbox:
        raise WrongUsage("--url uses a running facade, --sandbox does not: give only one of them.")
    document = read(file)
    values = variables_of(variables)
    with ExitStack() as stack:
        if sandbox:
            stack.enter_context(sandbox_upstream())
        answer = asyncio.run(
            asked(url, document, values, operation, token)
            if url
            else run_here(configured(), document, values, operation, token)
        )
    for cause in grouped(answer.errors):
        typer.echo(cause.line(), err=True)
    with output.written_to(out):
        if format_ is QueryFormat.json:
            typer.echo(output.json_text(answer.whole))
        elif format_ is QueryFormat.plot and answer.executed:
            output.write_plot(answer.data, everything=everything)
        elif answer.executed:
            _print_tables(answer, document, operation, format_, path, everything=everything or out is not None)
    if answer.errors:
        raise typer.Exit(Failure.exit_code)


async def run_here(
    settings: "Settings",
    document: str,
    variables: dict[str, Any] | None,
    operation: str | None,
    token: str | None,
    explain: str | None = None,
) -> GraphQLAnswer:
    from ..graph import Context
    from ..upstream import ReadLog

    async with opened(settings, token) as (facade, caller):
        with waiting() as called:
            context = Context(facade.opened_services(), caller, ReadLog(on_call=called), request_id="cli")
            try:
                if explain is None:
                    outcome = await facade.engine.run(facade.engine.document(document), variables, operation, context)
                    whole = outcome.as_json()
                else:
                    outcome, whole = await _explained(facade.engine, document, variables, operation, context, explain)
            finally:
                context.close()
    if caller is None and any((error.extensions or {}).get("code") == "UNAUTHENTICATED" for error in outcome.errors):
        raise WrongUsage(f"{NO_LOGIN}, or try --sandbox.")
    return GraphQLAnswer(outcome.executed, outcome.data, outcome.errors, whole)


async def _explained(
    engine: "Engine",
    document: str,
    variables: dict[str, Any] | None,
    operation: str | None,
    context: "Context",
    mode: str,
) -> "tuple[Outcome, dict[str, Any]]":
    """Return the outcome, and the answer as a server would send it."""
    from ..execution import run_explained, why_unexplained
    from ..upstream import Explain, Mode

    explain = Explain(Mode(mode))
    parsed = engine.document(document)
    if why := why_unexplained(parsed, operation):
        raise WrongUsage(why)
    told = await run_explained(engine, parsed, variables, operation, context, explain, received=explain.began)
    return told.outcome, json.loads(b"".join(told.chunks))


def _print_tables(
    answer: GraphQLAnswer,
    document: str,
    operation: str | None,
    format_: QueryFormat,
    path: str | None,
    *,
    everything: bool,
) -> None:
    from graphql import get_operation_ast, parse

    from .selections import selection_of, times_of

    # The document was executed, so it parses.
    parsed = parse(document)
    node = get_operation_ast(parsed, operation)
    chosen = output.choose(tables(answer.data, selection_of(parsed, node) if node else None), path)
    if format_ is QueryFormat.csv:
        output.write_csv(chosen)
    elif format_ in (QueryFormat.parquet, QueryFormat.arrow):
        from ..graph import build_schema

        times = times_of(parsed, node, build_schema()) if node else ()
        output.write_arrow(chosen, times, parquet=format_ is QueryFormat.parquet)
    else:
        output.write_tables(chosen, everything=everything)


def variables_of(given: str | None) -> dict[str, Any] | None:
    if given is None:
        return None
    what = f"The file {given[1:]}" if given.startswith("@") else "--variables"
    try:
        variables = json.loads(read(given[1:]) if given.startswith("@") else given)
    except ValueError as exc:
        raise WrongUsage(f"{what} is not JSON: {exc}.") from exc
    if not isinstance(variables, dict):
        raise WrongUsage(f'{what} must be a JSON object: {{"name": value}}.')
    return variables
