"""Yield to the event loop during long work on rows."""

import asyncio

# Rows in one step, which takes a few milliseconds.
ROWS_AT_ONCE = 1000


class Turn:
    """Counts the rows of one piece of work, and yields to the event loop after each `ROWS_AT_ONCE` of them."""

    def __init__(self) -> None:
        self._rows = 0

    async def done(self, rows: int) -> None:
        self._rows += rows
        if self._rows >= ROWS_AT_ONCE:
            self._rows = 0
            await asyncio.sleep(0)
