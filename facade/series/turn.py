"""How long work on rows goes on before others on the event loop get their turn."""

import asyncio

# Rows of one step: some milliseconds.
ROWS_AT_ONCE = 1000


class Turn:
    """Counts the rows of one piece of work, and lets others go ahead after each `ROWS_AT_ONCE` of them."""

    def __init__(self) -> None:
        self._rows = 0

    async def done(self, rows: int) -> None:
        self._rows += rows
        if self._rows >= ROWS_AT_ONCE:
            self._rows = 0
            await asyncio.sleep(0)
