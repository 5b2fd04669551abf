"""A report's rows while its answer still comes.

The call is made as any other is: cache, single flight, rights, retries, breaker and slots are those of
`Upstream.read`. What is more is an ear at the wire. Its chunks wait here for who takes the rows, so that a client that
reads slowly holds no slot and no connection upstream; of one that is too far behind no more is heard, and it has the
rest of the rows from the whole answer.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from itertools import islice

from ..auth import Caller
from ..butlr import REPORTING_PATH, ButlrError, Reply, Reporting, Row, UpstreamTimeout, split_rows
from ..upstream import Answer, Call, ReadLog, Upstream

# Bytes heard and not yet taken.
MOST_WAITING = 32 * 1024**2


class RowStream:
    """One reporting call and its rows. It has to be closed."""

    def __init__(
        self,
        upstream: Upstream,
        call: Call[Reporting],
        caller: Caller,
        read_log: ReadLog,
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._butlr = upstream.butlr
        self._splitter = split_rows()
        self._chunks: list[bytes] = []
        self._waiting = 0
        self._most_waiting = most_waiting
        self._first: list[Row] = []
        self._split_off = 0
        self._heard = False
        self._missed = False
        self._ended = False
        self._broken: ButlrError | None = None
        self._taken = False
        self._news = asyncio.Event()
        heard = dataclasses.replace(call, send=self._send, path=REPORTING_PATH)
        self._read = asyncio.create_task(upstream.read(heard, caller, read_log))
        self._read.add_done_callback(lambda _: self._news.set())

    async def comes_in_rows(self) -> bool:
        """Whether there are rows to take while the answer still comes. If not, `answer` has it, or why there is none.

        It is not so of an answer from the cache, of one that another's call brings, and of one without rows.
        """
        while not self._read.done() and self._broken is None and self._splitter.is_array is None:
            await self._wait()
            self._first += self._split()
        return bool(self._splitter.is_array) and self._broken is None and not self._read.done()

    async def rows(self) -> AsyncIterator[Row]:
        """Yield the rows as they come. Raises the `ButlrError` that the call ended with."""
        if self._taken:
            for row in (await self.answer()).value.rows:
                yield row
            return
        self._taken = True
        rows, self._first = self._first, []
        while True:
            for row in rows:
                yield row
            rows = self._split()
            if rows:
                continue
            if self._broken is not None:
                raise self._broken
            if self._read.done():
                break
            await self._wait()
        whole = (await self.answer()).value
        if not self._ended:
            # The answer is an older one, which stands in for what was too late.
            raise UpstreamTimeout("The operation's time limit ended before Butlr had sent all rows.")
        for row in islice(whole.each_row(), self._split_off, None) if self._missed else self._splitter.rest().rows:
            yield row

    async def answer(self) -> Answer[Reporting]:
        """Return the whole answer once it is there. Raises the `ButlrError` of the call."""
        # Unlike to await the task, this leaves it running for others when one who waits is cancelled.
        await asyncio.wait((self._read,))
        return self._read.result()

    def close(self) -> None:
        self._read.cancel()
        if self._read.done() and not self._read.cancelled():
            # Read once here: an error that nobody came to wait for must not complain.
            self._read.exception()

    async def _send(self, body: bytes, token: str) -> Reply:
        # A second attempt's bytes need not be the first's: who has rows of that cannot go on with these.
        hear = None if self._heard else self._hear
        try:
            reply = await self._butlr.reporting(body, token, hear)
        except ButlrError as error:
            if self._heard and self._broken is None:
                self._broken = error
                self._news.set()
            raise
        self._ended = True
        return reply

    def _hear(self, chunk: bytes) -> None:
        self._heard = True
        self._missed = self._missed or self._waiting + len(chunk) > self._most_waiting
        if not self._missed:
            self._waiting += len(chunk)
            self._chunks.append(chunk)
            self._news.set()

    def _split(self) -> list[Row]:
        if not self._chunks:
            return []
        chunks, self._chunks, self._waiting = self._chunks, [], 0
        rows = self._splitter.feed(b"".join(chunks))
        self._split_off += len(rows)
        return rows

    async def _wait(self) -> None:
        await self._news.wait()
        self._news.clear()
