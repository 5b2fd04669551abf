"""`Backoff`: the pause after polls that failed, which all replicas keep."""

from collections.abc import Callable

import msgspec
import structlog

from ..cache import Store

log = structlog.get_logger(__name__)

# Seconds: the pause after a first failure, and the longest that another replica is believed; and times the interval,
# the longest pause of ours.
FIRST_PAUSE, LONGEST_BELIEVED = 1.0, 3600.0
LONGEST = 10


class Pause(msgspec.Struct, frozen=True):
    """How many polls have failed one after the other, and until when nobody is to poll: epoch seconds."""

    failures: int = 0
    until: float = 0.0


class Backoff:
    def __init__(self, store: Store, name: str, wall: Callable[[], float]) -> None:
        self._store, self._key, self._wall = store, f"live:pause:{name}", wall
        self.pause = Pause()

    async def left(self) -> float:
        """Return the seconds for which no replica is to poll."""
        now = self._wall()
        if (text := await self._store.get_text(self._key)) is not None:
            try:
                pause = msgspec.json.decode(text, type=Pause)
            except msgspec.MsgspecError:
                # What a shared store gives is input: another version may have written it.
                log.warning("live.pause_unreadable")
            else:
                if self.pause.until < pause.until <= now + LONGEST_BELIEVED:
                    self.pause = pause
        return max(self.pause.until - now, 0.0)

    async def failed(self, every: float, least: float) -> float:
        """Note a failure; return the seconds of the pause after it."""
        failures = self.pause.failures + 1
        doubled = FIRST_PAUSE * 2.0 ** min(failures - 1, 10)
        seconds = max(min(doubled, every * LONGEST), least)
        self.pause = Pause(failures, self._wall() + seconds)
        # Longer than the pause: the next failure, of whichever replica, is one more.
        await self._store.set_text(self._key, msgspec.json.encode(self.pause).decode(), seconds + every * LONGEST)
        return seconds

    async def over(self) -> None:
        """Note a poll that was answered."""
        if self.pause.failures:
            self.pause = Pause()
            await self._store.delete(self._key)
