"""Limits on the form of an operation, checked on its document before validation.

One walk expands fragments as execution does, and stops at `EXPANDED_FIELDS`, so that a malicious document costs no more
than a usual one of that size. It precedes validation, whose rule for overlapping fields is quadratic in a number that
is bounded here (`SAME_NAMES`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    Node,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

# Fields of all operations with their fragments expanded. Usual documents have hundreds.
EXPANDED_FIELDS = 10_000
# Pairs of fields with one response name in one place: validation compares each pair, which takes five times as long if
# they have arguments or selections.
SAME_NAMES = 5000
COMPOUND = 5
# Pairs of fragments spread in one place, which validation compares too.
FRAGMENT_PAIRS = 5000
DIRECTIVES = 100
DIRECTIVES_AT_ONE_PLACE = 10
# Introspection needs no token. The standard query is 15 deep, nests two lists, and has no alias.
INTROSPECTION_DEPTH = 20
INTROSPECTION_LISTS = 2
INTROSPECTION_ALIASES = 10
INTROSPECTION_ROOTS = frozenset({"__schema", "__type"})
INTROSPECTION_LIST_FIELDS = frozenset({"types", "fields", "inputFields", "interfaces", "possibleTypes"})

# Mutations that check credentials. Rate limits count requests, so each request may have only one of these.
LOGINS = frozenset({"login", "clientLogin", "refreshToken"})
MOST_LOGINS = 1

# Points: more than twice what a large dashboard needs (345,600: 40 rooms, 30 days, 5 minutes). A point takes 3 µs and
# 1.2 kB here, so the limit is about a gigabyte for a moment, and 3 s of a processor.
MAX_COST = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    depth: int = 15
    aliases: int = 100
    tokens: int = 4000
    # In points, see cost.py.
    cost: int = MAX_COST


def too_complex(message: str, *, limit: int, found: int, node: Node | None = None) -> GraphQLError:
    extensions = {"code": "QUERY_TOO_COMPLEX", "limit": limit, "found": found}
    return GraphQLError(message, [node] if node else None, extensions=extensions)


def too_long(error: GraphQLError, limits: Limits) -> GraphQLError | None:
    """Return the refusal for a parser error that means a limit (tokens or nesting), recognised by its message."""
    if "more than" in error.message and "tokens" in error.message:
        message = f"The document has more than {limits.tokens} tokens, which is the limit. Ask for less at once."
        return too_complex(message, limit=limits.tokens, found=limits.tokens + 1)
    if "nested too deeply" in error.message:
        message = f"The document nests too deeply to be read; the limit is {limits.depth} fields. Ask for less at once."
        return too_complex(message, limit=limits.depth, found=limits.depth + 1)
    return None


class TooComplex(Exception):  # noqa: N818 -- named for what happened
    """Ends a walk with the error for the client."""

    def __init__(self, error: GraphQLError) -> None:
        super().__init__(error.message)
        self.error = error


def exceeded(document: DocumentNode, limits: Limits) -> GraphQLError | None:
    """Return why the document is refused, or None."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    expanded = 0
    unopened = dict(fragments)
    try:
        _check_directives(document.definitions)
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                walk = _Walk(fragments, limits, expanded)
                walk.run(definition)
                expanded = walk.expanded
                for name in walk.opened:
                    unopened.pop(name, None)
        # Fragments that no operation uses count too, since validation reads them before it refuses the document.
        while unopened:
            walk = _Walk(fragments, limits, expanded)
            walk.run(unopened.popitem()[1])
            expanded = walk.expanded
            for name in walk.opened:
                unopened.pop(name, None)
    except TooComplex as refused:
        return refused.error
    return None


# A selection set, and the fragments that it is inside of: one of those spread in it again is a cycle.
_Opened = tuple[SelectionSetNode, frozenset[str]]


@dataclass(slots=True)
class _Place:
    """All selection sets for one object of the answer: those of fields with one response name are merged."""

    sets: list[_Opened]
    depth: int
    # How many lists of introspection enclose this place; None outside introspection.
    lists: int | None = None


@dataclass(slots=True)
class _Level:
    """The fields that a place selects, fragments expanded, by response name."""

    fields: dict[str, list[tuple[FieldNode, frozenset[str]]]] = field(default_factory=dict)
    fragments: set[str] = field(default_factory=set)
    spreads: int = 0


class _Walk:
    def __init__(self, fragments: dict[str, FragmentDefinitionNode], limits: Limits, expanded: int) -> None:
        self._fragments = fragments
        self._limits = limits
        self._aliases = 0
        self._introspection_aliases = 0
        self._pairs = 0
        self._fragment_pairs = 0
        self.expanded = expanded
        self.opened: set[str] = set()

    def run(self, definition: ExecutableDefinitionNode) -> None:
        """Raises `TooComplex`."""
        is_mutation = isinstance(definition, OperationDefinitionNode) and definition.operation is OperationType.MUTATION
        places = [_Place([(definition.selection_set, frozenset())], 1)]
        while places:
            place = places.pop()
            level = self._level(place)
            if place.depth == 1 and is_mutation:
                self._check_logins([node for nodes in level.fields.values() for node, _ in nodes[:1]])
            self.opened |= level.fragments
            self._fragment_pairs += level.spreads * (level.spreads - 1) // 2
            self._check(self._fragment_pairs, FRAGMENT_PAIRS, "opens too many fragments at one place ({found} pairs)")
            for nodes in level.fields.values():
                below = self._below(place, [node for node, _ in nodes])
                sets = [(node.selection_set, trail) for node, trail in nodes if node.selection_set]
                if sets:
                    places.append(_Place(sets, place.depth + 1, below))

    def _level(self, place: _Place) -> _Level:
        level = _Level()
        waiting = list(place.sets)
        while waiting:
            selection_set, trail = waiting.pop()
            for selection in selection_set.selections:
                self.expanded += 1
                if self.expanded > EXPANDED_FIELDS:
                    self._refuse("selects {found} fields or more once its fragments are opened", EXPANDED_FIELDS)
                if isinstance(selection, FieldNode):
                    name = (selection.alias or selection.name).value
                    level.fields.setdefault(name, []).append((selection, trail))
                elif isinstance(selection, FragmentSpreadNode):
                    level.spreads += 1
                    name = selection.name.value
                    fragment = self._fragments.get(name)
                    if fragment and name not in level.fragments and name not in trail:
                        level.fragments.add(name)
                        waiting.append((fragment.selection_set, trail | {name}))
                else:
                    waiting.append((selection.selection_set, trail))  # type: ignore[attr-defined]
        return level

    def _check_logins(self, roots: list[FieldNode]) -> None:
        logins = [node for node in roots if node.name.value in LOGINS]
        self._check(len(logins), MOST_LOGINS, "holds {found} logins", logins[-1] if logins else None)

    def _below(self, place: _Place, nodes: list[FieldNode]) -> int | None:
        """Check the fields with one response name, and return the `lists` of the place below them."""
        node = nodes[0]
        if len(nodes) > 1:
            weight = COMPOUND if any(node.arguments or node.selection_set for node in nodes) else 1
            self._pairs += weight * len(nodes) * (len(nodes) - 1) // 2
            self._check(self._pairs, SAME_NAMES, "selects one field over and over ({found} pairs)", node)
        lists = place.lists
        if place.depth == 1 and any(node.name.value in INTROSPECTION_ROOTS for node in nodes):
            lists = 0
        if any(node.alias for node in nodes):
            self._aliases += 1
            self._check(self._aliases, self._limits.aliases, "has {found} aliases", node)
        if lists is None:
            self._check(place.depth, self._limits.depth, "is {found} fields deep", node)
            return None
        return self._introspected(place.depth, lists, nodes)

    def _introspected(self, depth: int, lists: int, nodes: list[FieldNode]) -> int:
        node = nodes[0]
        if any(node.alias for node in nodes):
            self._introspection_aliases += 1
            aliases = self._introspection_aliases
            self._check(aliases, INTROSPECTION_ALIASES, "has {found} aliases in introspection", node)
        self._check(depth, INTROSPECTION_DEPTH, "is {found} fields deep in introspection", node)
        if any(node.name.value in INTROSPECTION_LIST_FIELDS for node in nodes):
            lists += 1
            self._check(lists, INTROSPECTION_LISTS, "nests {found} lists of introspection", node)
        return lists

    def _check(self, found: int, limit: int, what: str, node: Node | None = None) -> None:
        if found > limit:
            self._refuse(what, limit, found, node)

    def _refuse(self, what: str, limit: int, found: int | None = None, node: Node | None = None) -> None:
        found = limit + 1 if found is None else found
        message = f"The operation {what.format(found=found)}; the limit is {limit}. Ask for less at once."
        raise TooComplex(too_complex(message, limit=limit, found=found, node=node))


def _check_directives(definitions: Iterable[Node]) -> None:
    """Count directives as written: those of a fragment are read once, however often it is spread."""
    found = 0
    waiting = list(definitions)
    while waiting:
        node = waiting.pop()
        directives = getattr(node, "directives", None) or ()
        found += len(directives)
        for count, limit, where in (
            (len(directives), DIRECTIVES_AT_ONE_PLACE, "at one place"),
            (found, DIRECTIVES, "in all"),
        ):
            if count > limit:
                message = f"The document has {count} directives {where}; the limit is {limit}. Use fewer."
                raise TooComplex(too_complex(message, limit=limit, found=count, node=node))
        waiting.extend(getattr(node, "variable_definitions", None) or ())
        if selection_set := getattr(node, "selection_set", None):
            waiting.extend(selection_set.selections)
