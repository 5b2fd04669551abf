"""An operation run to be explained: what it asks upstream and why, and where its time goes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from graphql import OperationType

from ..graph.context import Context
from ..upstream import Explain, NotAsked
from ..upstream.explain import explained
from .documents import ParsedDocument
from .engine import Engine, Outcome


@dataclass(frozen=True, slots=True)
class Explained:
    """The outcome of the operation, its answer with `extensions.explain`, and that member by itself."""

    outcome: Outcome
    chunks: list[bytes]
    explain: Mapping[str, Any]


def why_unexplained(document: ParsedDocument, operation: str | None) -> str | None:
    """Why an operation cannot be explained; None where it can, or is none."""
    kind = document.operation_type(operation)
    if kind is None or kind is OperationType.QUERY:
        return None
    return f"Only a query is explained; this is a {kind.value}. Send it without `extensions.explain` and `X-Explain`."


async def run_explained(
    engine: Engine,
    document: ParsedDocument,
    variables: Mapping[str, Any] | None,
    operation: str | None,
    context: Context,
    explain: Explain,
    *,
    received: float,
) -> Explained:
    """Execute an operation, or with a plan all of it but its calls, and explain it.

    `explain.began` is when the request came, `received` when it had been read: from there to now it was parsed.
    """
    parsed = time.monotonic()
    with explained(explain):
        outcome = await engine.run(document, variables, operation, context, written=True, whole=True)
    executed = time.monotonic()
    if explain.is_plan:
        errors = [error for error in outcome.errors if (error.extensions or {}).get("code") != NotAsked.code]
        outcome = replace(outcome, data=None, errors=errors)
        if outcome.large:
            outcome = replace(outcome, large=None)
    chunks = replace(outcome, notes=()).chunks()
    encoded = time.monotonic()
    upstream = 0.0 if explain.is_plan else explain.upstream_seconds(executed)
    phases = {
        "receive": received - explain.began,
        "parse_validate": parsed - received,
        "upstream": upstream,
        "execute": executed - parsed - upstream,
        "encode": encoded - executed,
        "total": encoded - explain.began,
    }
    limits = {**engine.limits, "time_ms": _time_left(context, explain)}
    said = explain.as_json(context.budget.cost, limits, phases)
    extensions = {"notes": outcome.notes, "explain": said} if outcome.notes else {"explain": said}
    last = chunks[-1].removesuffix(b"}")
    return Explained(outcome, [*chunks[:-1], b'%b,"extensions":%b}' % (last, orjson.dumps(extensions))], said)


def _time_left(context: Context, explain: Explain) -> int | None:
    deadline = context.read_log.deadline
    return None if deadline is None else round((deadline - explain.began) * 1000)
