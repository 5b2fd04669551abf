"""Estimate what an operation costs upstream, before its first call, from its document and variables.

The number of assets is not known yet, so each list of assets counts as one asset. The loaders check again with the true
numbers (`facade.loaders.budget`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    value_from_ast_untyped,
)

from ..graph.pages import DEFAULT_FIRST
from ..graph.scalars import parse_time, rfc3339
from ..graph.selection import fragments_of, selections
from ..loaders.budget import CALL, BudgetSpent, detections_cost, heatmap_cost, report_cost, stats_cost

Values = Mapping[str, Any]
Fields = list[FieldNode]

# A page that does not begin at a page of the upstream needs two calls.
CALLS_A_PAGE = 2
# The fields of a report that hold all its points.
POINTS = frozenset({"rows", "series", "groups", "data"})


def _report(arguments: Values, below: Fields, values: Values, now: datetime) -> int:
    body = arguments if "filter" in arguments else {**arguments, "filter": arguments}
    pages = [field for field in below if field.name.value == "rows_connection"]
    cost = sum(CALLS_A_PAGE * (CALL + (_arguments(page, values).get("first") or DEFAULT_FIRST)) for page in pages)
    if len(pages) < sum(field.name.value != "__typename" for field in below):
        once = report_cost(_timed(body), now)
        # Each selection of the points is in the answer separately.
        cost += once + (once - CALL) * max(0, sum(field.name.value in POINTS for field in below) - 1)
    return cost


def _detections(arguments: Values, below: Fields, _values: Values, now: datetime) -> int:
    body = _timed(arguments if "filter" in arguments else {**arguments, "filter": arguments})
    names = [field.name.value for field in below]
    types = len({"detections_local", "detections_world"}.intersection(names)) or "freshness" in names
    cost = detections_cost(body, now, types=int(types)) if types else 0
    return cost + CALL * names.count("heatmap") + heatmap_cost(body, now) * names.count("heatmap_v2")


def _stats(arguments: Values, _below: Fields, _values: Values, _now: datetime) -> int:
    items, measurements = arguments.get("items", [""]), arguments["measurements"]
    return stats_cost(_length(items), _length(measurements))


def _occupancy(_arguments: Values, _below: Fields, _values: Values, _now: datetime) -> int:
    return CALL


COSTS: Mapping[str, Callable[[Values, Fields, Values, datetime], int]] = {
    "report": _report,
    "detections": _detections,
    "stats": _stats,
    "occupancy": _occupancy,
}


def is_costly(document: DocumentNode) -> bool:
    """Return whether a document has a field that costs anything, at any depth."""
    waiting: list[Any] = list(document.definitions)
    while waiting:
        node = waiting.pop()
        if isinstance(node, FieldNode) and node.name.value in COSTS:
            return True
        if selection_set := getattr(node, "selection_set", None):
            waiting.extend(selection_set.selections)
    return False


def excess(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Values | None,
    *,
    limit: int,
    now: datetime,
) -> GraphQLError | None:
    """Return why an operation of a valid document is refused, or None."""
    total, dearest, most = 0, None, -1
    for field, cost in _costs(document, operation, variables or {}, now):
        total += cost
        if cost > most:
            dearest, most = field, cost
    if total <= limit or dearest is None:
        return None
    refusal = BudgetSpent(total, limit, "one asset of each list", dearest.name.value)
    nodes: list[Node] = [dearest]
    return GraphQLError(str(refusal), nodes, extensions=refusal.extensions)


def operation_cost(
    document: DocumentNode, operation: OperationDefinitionNode, variables: Values | None, now: datetime
) -> int:
    return sum(cost for _, cost in _costs(document, operation, variables or {}, now))


def _costs(
    document: DocumentNode, operation: OperationDefinitionNode, variables: Values, now: datetime
) -> Iterator[tuple[FieldNode, int]]:
    fragments = fragments_of(document)
    values = values_of(operation, variables)
    waiting = [[operation.selection_set]]
    while waiting:
        for nodes in selected_of(waiting.pop(), fragments, values).values():
            sets = [node.selection_set for node in nodes if node.selection_set]
            if sets:
                waiting.append(sets)
            if price := COSTS.get(nodes[0].name.value):
                below = [fields[0] for fields in selected_of(sets, fragments, values).values()]
                yield nodes[0], _priced(price, nodes[0], below, values, now)


def values_of(operation: OperationDefinitionNode, variables: Values) -> dict[str, Any]:
    """Return the given variables, and the defaults of the others."""
    defaults = {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
    return {**defaults, **variables}


def _priced(
    price: Callable[[Values, Fields, Values, datetime], int],
    field: FieldNode,
    below: Fields,
    values: Values,
    now: datetime,
) -> int:
    try:
        return price(_arguments(field, values), below, values, now)
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, GraphQLError):
        # Invalid arguments: execution makes no call and reports which argument is wrong.
        return 0


def selected_of(
    sets: Iterable[SelectionSetNode], fragments: Mapping[str, SelectionSetNode], values: Values
) -> dict[str, Fields]:
    """Merge the fields of selection sets by response name."""
    fields: dict[str, Fields] = {}
    for selection in selections(sets, fragments.get, values):
        if isinstance(selection, FieldNode):
            fields.setdefault((selection.alias or selection.name).value, []).append(selection)
    return fields


def _arguments(field: FieldNode, values: Values) -> dict[str, Any]:
    given = {node.name.value: value_from_ast_untyped(node.value, dict(values)) for node in field.arguments or ()}
    return {name: value for name, value in given.items() if value is not None}


def _timed(body: Values) -> dict[str, Any]:
    """Return a body whose filter has its times as the REST body will have them."""
    times = {
        name: rfc3339(parse_time(body["filter"][name]))
        for name in ("start", "stop")
        if body["filter"].get(name) is not None
    }
    return {**body, "filter": {**body["filter"], **times}}


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 1
