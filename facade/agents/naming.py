"""Match a text with names: exactly, as a part, or by similarity; and suggest the nearest names."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from .texts import plain, quoted

EXACT = 1.0
ALIKE = 0.6
# Most names in a suggestion: the nearest ones, or all that there are.
NEAREST = 3
MOST_NAMES = 12


def score(text: str, ids: Sequence[str | None], path: Sequence[str], name: str | None) -> float:
    """Return how well a text matches an asset, from 0 to 1."""
    asked, own = folded(text), folded(name or "")
    if text in ids or (asked and asked == own):
        return EXACT
    if not asked or not own:
        return 0.0
    if asked in own:
        return 0.9
    whole = folded(" ".join((*path, name or "")))
    if all(word in whole for word in asked.split()):
        return 0.8
    return min(0.79, likeness(asked, own))


def likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def folded(text: str) -> str:
    """Normalise a text for comparison with names: as `plain` shows it, in lower case."""
    return plain(text).casefold()


def suggestion(text: str, names: Iterable[str]) -> str:
    """Say which names there are: all if they are few, else the nearest ones."""
    known = sorted(set(names))
    if not known:
        return "There are none."
    if len(known) <= MOST_NAMES:
        return f"There are {', '.join(map(quoted, known))}."
    asked = folded(text)
    nearest = sorted(known, key=lambda name: -likeness(asked, folded(name)))[:NEAREST]
    return f"The nearest of {len(known)} names are {', '.join(map(quoted, nearest))}."
