"""An answer in parts: each part is for some of the ids, and may fail by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ..butlr import ButlrError
from ..cache import Entry
from ..upstream import Answer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PartialAnswer(Generic[T]):
    """The answer for some of the ids asked for, or its error."""

    ids: tuple[str, ...]
    answer: Answer[T] | None
    error: ButlrError | None = None

    def unwrap(self) -> Answer[T]:
        """Return the answer, or raise the error."""
        if self.answer is None:
            raise self.error or RuntimeError("a piece has an answer or an error")
        return self.answer


def oldest(entries: Sequence[Entry]) -> Entry:
    """Return the freshness of a merged answer: the age of its oldest part, settled as far as every part is."""
    settled = [entry.settled_until for entry in entries]
    return replace(
        entries[0],
        body=b"",
        as_of=min(entry.as_of for entry in entries),
        fresh_until=min(entry.fresh_until for entry in entries),
        settled_until=None if None in settled else min(value for value in settled if value is not None),
        partial=any(entry.partial for entry in entries),
    )
