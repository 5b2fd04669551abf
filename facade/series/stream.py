"""Yield the rows of a report while its answer is still being received.

The call is made by `Upstream.read` as any other: cache, single flight, rights, retries, breaker and slots apply. The
received chunks are also queued here, so that a slow client holds no slot and no connection upstream. When more than
`MOST_WAITING` bytes are queued, no more chunks are added, and the rest of the rows is taken from the whole answer.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from itertools import islice

from ..auth import Caller
from ..butlr import REPORTING_PATH, ButlrError, Reply, Reporting, Row, UpstreamTimeout, split_rows
from ..upstream import Answer, Call, ReadLog, Upstream

# Bytes of chunks that may be queued for the client.
MOST_WAITING = 32 * 1024**2


class RowStream:
    """One reporting call and its rows. Close it after use."""

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
        self._changed = asyncio.Event()
        heard = dataclasses.replace(call, send=self._send, path=REPORTING_PATH)
        self._read = asyncio.create_task(upstream.read(heard, caller, read_log))
        self._read.add_done_callback(lambda _: self._changed.set())

    async def comes_in_rows(self) -> bool:
        """Wait for the first rows, and return whether there are any before the answer is complete.

        False for an answer from the cache, from another caller's flight, or without rows: then await `answer`.
        """
        while not self._read.done() and self._broken is None and self._splitter.is_array is None:
            await self._wait()
            self._first += self._split()
        return bool(self._splitter.is_array) and self._broken is None and not self._read.done()

    async def rows(self) -> AsyncIterator[Row]:
        """Yield the rows as they are received. Raises the `ButlrError` of the call."""
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
            # The answer is a stale one, served since the call was too late: it cannot continue the rows sent so far.
            raise UpstreamTimeout(
                "The operation's time limit ended before Butlr had sent all rows.", path=REPORTING_PATH
            )
        for row in islice(whole.each_row(), self._split_off, None) if self._missed else self._splitter.rest().rows:
            yield row

    async def answer(self) -> Answer[Reporting]:
        """Wait for the whole answer and return it. Raises the `ButlrError` of the call."""
        # Awaiting the task itself would cancel it for all waiters when one of them is cancelled.
        await asyncio.wait((self._read,))
        return self._read.result()

    def close(self) -> None:
        self._read.cancel()
        if self._read.done() and not self._read.cancelled():
            # asyncio logs an exception that was never retrieved.
            self._read.exception()

    async def _send(self, body: bytes, token: str) -> Reply:
        # The bytes of a second attempt may differ from the first's, so its rows cannot continue those sent so far.
        hear = None if self._heard else self._hear
        try:
            reply = await self._butlr.reporting(body, token, hear)
        except ButlrError as error:
            if self._heard and self._broken is None:
                self._broken = error
                self._changed.set()
            raise
        self._ended = True
        return reply

    def _hear(self, chunk: bytes) -> None:
        self._heard = True
        self._missed = self._missed or self._waiting + len(chunk) > self._most_waiting
        if not self._missed:
            self._waiting += len(chunk)
            self._chunks.append(chunk)
            self._changed.set()

    def _split(self) -> list[Row]:
        if not self._chunks:
            return []
        chunks, self._chunks, self._waiting = self._chunks, [], 0
        rows = self._splitter.feed(b"".join(chunks))
        self._split_off += len(rows)
        return rows

    async def _wait(self) -> None:
        await self._changed.wait()
        self._changed.clear()
