"""Explain an operation: which calls it makes and why, and where its time goes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)

from ..butlr import ButlrError
from ..graph.context import Context
from ..graph.selection import fragments_of
from ..upstream import Explain, Mode, NotAsked
from ..upstream.explain import explained
from .cost import COSTS, selected_of, values_of
from .documents import ParsedDocument
from .engine import Engine
from .outcome import Outcome
from .plan import is_looked_up


@dataclass(frozen=True, slots=True)
class Explained:
    """The outcome of the operation, its answer with `extensions.explain`, and that member by itself."""

    outcome: Outcome
    chunks: list[bytes]
    explain: Mapping[str, Any]


def why_unexplained(document: ParsedDocument, operation: str | None) -> str | None:
    """Say why an operation cannot be explained; None if it can, or if there is no such operation."""
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
    """Execute an operation, for a plan without its calls, and explain it.

    `explain.began` is when the request arrived, and `received` when its body was read. The time since is parsing.
    """
    parsed = time.monotonic()
    with explained(explain):
        outcome = await engine.run(document, variables, operation, context, written=True, whole=True)
    executed = time.monotonic()
    if explain.is_plan and not explain.is_open:
        chosen = document.operation(operation)
        if document.ast and chosen:
            known = await _knows_assets(context)
            for what in undecided(
                engine.schema, document.ast, chosen, variables or {}, outcome.errors, knows_assets=known
            ):
                explain.need(what)
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


async def _knows_assets(context: Context) -> bool:
    """Return whether assets can be looked up without a call."""
    if context.caller is None:
        return False
    with explained(Explain(Mode.plan)):
        try:
            await context.loaders.assets()
        except ButlrError:
            return False
    return True


def undecided(
    schema: GraphQLSchema,
    ast: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    errors: Sequence[GraphQLError],
    *,
    knows_assets: bool,
) -> Iterator[str]:
    """Yield the fields that may need further calls after those of a plan, since rows refer to assets."""
    unasked = {
        tuple(part for part in error.path or () if isinstance(part, str))
        for error in errors
        if (error.extensions or {}).get("code") == NotAsked.code
    }
    fragments = fragments_of(ast)
    values = values_of(operation, variables)

    def below(
        type_: GraphQLNamedType, sets: list[SelectionSetNode], path: tuple[str, ...], *, open_: bool
    ) -> Iterator[str]:
        for name, nodes in selected_of(sets, fragments, values).items():
            field = schema.get_field(type_, nodes[0].name.value) if is_composite_type(type_) else None
            if field is None:
                continue
            here = (*path, name)
            # Points in another frame are converted by the sensor's position.
            looks = is_looked_up(field) or (nodes[0].name.value == "points" and bool(nodes[0].arguments))
            asks = nodes[0].name.value in COSTS or (looks and not knows_assets)
            if open_ and asks:
                yield f"the answers that `{'.'.join(here)}` is of"
                continue
            inner = [node.selection_set for node in nodes if node.selection_set]
            yield from below(get_named_type(field.type), inner, here, open_=open_ or here in unasked)

    root = schema.query_type
    if unasked and root:
        yield from below(root, [operation.selection_set], (), open_=False)


def _time_left(context: Context, explain: Explain) -> int | None:
    deadline = context.read_log.deadline
    return None if deadline is None else round((deadline - explain.began) * 1000)
