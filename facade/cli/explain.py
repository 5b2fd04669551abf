"""`facade explain`: the calls that an operation would make and why, or the calls that it made and their times."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from enum import StrEnum
from textwrap import wrap
from typing import Annotated, Any

import typer

from ..causes import grouped
from .asking import asked
from .configured import configured
from .failures import Failure, WrongUsage
from .files import read
from .options import DocumentFile, FacadeUrl, OperationName, Sandbox, Token, Variables
from .output import json_text
from .query import run_here, variables_of
from .sandboxed import sandbox_upstream

WIDTH = 80
# Most items of a list, and most characters of a text (such as a query), that are printed of a body.
MOST_LISTED = 3
LONGEST_TEXT = 120


class ExplainFormat(StrEnum):
    text = "text"
    json = "json"


def explain(
    file: DocumentFile,
    variables: Variables = None,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Run the operation, and report its calls and times.")
    ] = False,
    operation: OperationName = None,
    format_: Annotated[ExplainFormat, typer.Option("--format", help="The output format.")] = ExplainFormat.text,
    token: Token = None,
    sandbox: Sandbox = False,
    url: FacadeUrl = None,
) -> None:
    """Explain the upstream calls of an operation. Errors go to stderr; then the exit code is 1."""
    if url is not None and sandbox:
        raise WrongUsage("--url uses a running facade, --sandbox does not: give only one of them.")
    document, values, mode = read(file), variables_of(variables), "analyze" if analyze else "plan"
    with ExitStack() as stack:
        if sandbox:
            stack.enter_context(sandbox_upstream())
        settings = None if url else configured()
        if settings and not settings.explain:
            raise Failure("Explain is disabled (FACADE_EXPLAIN=false).")
        answer = asyncio.run(
            run_here(settings, document, values, operation, token, mode)
            if settings
            else asked(url or "", document, values, operation, token, mode)
        )
    for cause in grouped(answer.errors):
        typer.echo(cause.line(), err=True)
    extensions = answer.whole.get("extensions")
    told = extensions.get("explain") if isinstance(extensions, dict) else None
    if told is not None:
        lines = [json_text(told)] if format_ is ExplainFormat.json else tree(told)
        for line in lines:
            typer.echo(line)
    elif not answer.errors:
        raise Failure(f"{url} does not support explain: its answer has no `extensions.explain`.")
    if answer.errors:
        raise typer.Exit(Failure.exit_code)


def tree(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of an explained operation, none longer than `WIDTH`."""
    calls, limits, phases = told["calls"], told["limits"], told["phases"]
    ran = told["mode"] == "analyze"
    took = f"  (total {phases['total_ms']} ms)" if ran else ""
    yield f"Operation  {_count(len(calls), 'call')}, cost {told['cost']:,} of {limits['cost']:,} points{took}"
    if needs := told.get("needs"):
        yield from _wrapped("!  ", f"needs {needs}; what depends on them is not known before")
    for batch in told["batches"]:
        yield from _wrapped("|- ", f"{batch['what']}: {_count(batch['calls'], 'call')}")
        for said in filter(None, (batch["cached"], *batch["reasons"])):
            yield from _wrapped("|     ", said)
    for at, call in enumerate(calls, 1):
        yield from _wrapped("-> ", f"{at}. POST {call['endpoint']}{_times(call) if ran else ''}")
        for said in filter(None, _of_call(call, ran=ran)):
            yield from _wrapped("      ", said)
    if ran:
        parts = ", ".join(f"{name.removesuffix('_ms')} {ms}" for name, ms in phases.items() if name != "total_ms")
        yield from _wrapped("=  ", f"{parts} (ms)")


def _times(call: Mapping[str, Any]) -> str:
    return f"  (start {call['start_ms']} ms, took {call['duration_ms']} ms)"


def _of_call(call: Mapping[str, Any], *, ran: bool) -> Iterator[str]:
    sizes = ((call["assets"], "asset"), (call["windows"], "window"), (call["points"], "point"))
    yield ", ".join(_count(number, name) for number, name in sizes if number)
    yield call["cached"]
    yield from call["reasons"]
    if ran:
        rows = "" if call["rows"] is None else f", {_count(call['rows'], 'row')}"
        tries = "1 try" if call["tries"] == 1 else f"{call['tries']} tries"
        yield (
            f"{tries}, status {call['status'] or '-'}, {call['cache']}, waited {call['wait_ms']} ms, "
            f"{_count(call['bytes'] or 0, 'byte')}{rows}"
        )
    # Ids may be thousands; `--format json` has them all.
    yield json.dumps(_shortened(call["body"]), ensure_ascii=False, separators=(", ", ": "))


def _shortened(value: Any) -> Any:
    match value:
        case dict():
            return {name: _shortened(inner) for name, inner in value.items()}
        case list() if len(value) > MOST_LISTED:
            return [*map(_shortened, value[:MOST_LISTED]), f"… {len(value) - MOST_LISTED:,} more"]
        case list():
            return [*map(_shortened, value)]
        case str() if len(value) > LONGEST_TEXT:
            return f"{value[:LONGEST_TEXT]}… ({len(value):,} characters)"
    return value


def _wrapped(lead: str, text: str) -> Iterator[str]:
    rest = " " * len(lead) if not lead.startswith("|") else "|" + " " * (len(lead) - 1)
    yield from wrap(text, WIDTH, initial_indent=lead, subsequent_indent=rest, break_on_hyphens=False)


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
