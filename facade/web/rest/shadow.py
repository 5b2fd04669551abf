"""Replay a share of the legacy calls as GraphQL operations in the background, and compare the answers.

A v2 read is served by a GraphQL operation anyway. It is replayed over Butlr's own GraphQL API alone, if that is among
the sources of assets, to show what a client that moves there would get.

No upstream call is made: the data of the call is in the cache, and an operation that needs more is given up.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
import structlog

from ...auth import Caller
from ...butlr import DETECTIONS_PATH, REFRESH_PATH
from ...execution import Engine
from ...graph import Context
from ...legacy import PREFIX, RestRequest, Translation, translated
from ...legacy.differences import differences
from ...legacy.successors import LegacyCall
from ...legacy.usage import Usage
from ...loaders import Services
from ...upstream import ReadLog
from ..metrics import Metrics

log = structlog.get_logger(__name__)

WAITING_MOST = 64
# Bytes. Larger answers would block the event loop for too long.
LARGEST = 1024**2
SAID_AGAIN_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class Replay:
    call: LegacyCall
    asked: RestRequest
    answer: bytes | None
    """None: it was sent in chunks, too large to be compared."""
    caller: Caller
    request_id: str

    @property
    def is_v2(self) -> bool:
        return self.call.path.startswith(f"{PREFIX}/")


class Shadow:
    """Replays a share (0 to 1) of the offered calls, one after another."""

    def __init__(
        self,
        share: float,
        engine: Engine,
        services: Callable[[], Services],
        usage: Usage,
        metrics: Metrics,
        *,
        refresh_path: str = REFRESH_PATH,
        waiting_most: int = WAITING_MOST,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._share = share
        self._engine = engine
        self._services = services
        self._usage = usage
        self._metrics = metrics
        self._refresh_path = refresh_path
        self._waiting: asyncio.Queue[Replay] = asyncio.Queue(waiting_most)
        self._chance = chance
        self._clock = clock
        self._said: dict[tuple[str, str], float] = {}

    def offer(self, replay: Replay) -> None:
        """Queue a call for replay. Never waits or fails: if the queue is full, the call is only counted."""
        if self._chance() >= self._share or (replay.is_v2 and self._services().native is None):
            return
        if replay.answer is None or len(replay.answer) > LARGEST:
            self._note(replay, "too large")
            return
        try:
            self._waiting.put_nowait(replay)
        except asyncio.QueueFull:
            self._note(replay, "dropped")

    async def run(self) -> None:
        while True:
            replay = await self._waiting.get()
            try:
                outcome, fields = await self._compared(replay)
            except Exception:
                # A failing replay must not stop the next ones.
                log.exception("a replay broke", path=replay.call.path, request_id=replay.request_id)
                outcome, fields = "failed", []
            self._note(replay, outcome, fields)

    async def _compared(self, replay: Replay) -> tuple[str, list[str]]:
        translation = translated(replay.asked, self._engine, self._refresh_path)
        if translation.query is None or translation.shape is None:
            return "untranslatable", []
        data, codes = await self._run(translation, replay)
        if data is None:
            return ("not cached", []) if codes == {"UPSTREAM_TIMEOUT"} else ("failed", [])
        # In a thread, since both answers may be long.
        fields = await asyncio.to_thread(_differences, replay, translation.shape(data))
        return ("different", fields) if fields else ("equal", [])

    async def _run(self, translation: Translation, replay: Replay) -> tuple[dict[str, Any] | None, set[str]]:
        # With a deadline in the past, the cache is read but no call is made.
        read_log = ReadLog(deadline=time.monotonic())
        services = self._services()
        if replay.is_v2 and services.native is not None:
            services = replace(services, assets=services.native)
        context = Context(services, replay.caller, read_log, replay.request_id)
        document = self._engine.document(translation.query or "")
        try:
            outcome = await self._engine.run(document, translation.variables, None, context)
        finally:
            context.close()
        if outcome.errors:
            return None, {(error.extensions or {}).get("code", "") for error in outcome.errors}
        return outcome.data, set()

    def _note(self, replay: Replay, outcome: str, fields: list[str] | None = None) -> None:
        path = replay.call.path
        self._metrics.replayed(path, outcome, fields or ())
        self._usage.note(("replay", path, replay.call.operation or "", outcome))
        for field in fields or ():
            self._usage.note(("difference", path, field))
            now = self._clock()
            if now - self._said.get((path, field), -SAID_AGAIN_AFTER) >= SAID_AGAIN_AFTER:
                self._said[path, field] = now
                # Without values, which are the tenant's data.
                log.warning("a replay differs", path=path, field=field, request_id=replay.request_id)


def _differences(replay: Replay, graph: dict[str, Any] | None) -> list[str]:
    answer = orjson.loads(replay.answer or b"null")
    if replay.is_v2:
        return differences(answer, graph)
    body = orjson.loads(replay.asked.body or "")
    if replay.call.path == DETECTIONS_PATH and isinstance(answer, dict) and answer.keys() == {"data"}:
        # Butlr's docs have no wrapper here, so it is removed if there is one.
        answer = answer["data"]
    if isinstance(answer, dict) and graph is not None and not body.get("paginate"):
        # Without pages the REST call's page info is meaningless, and the graph has none.
        answer.pop("page_info", None)
        graph.pop("page_info", None)
    return differences(answer, graph)
