"""The sandbox's clock, which can be set to any time."""

from collections.abc import Callable
from typing import Any

from .durations import parse_duration
from .validation import EARLIEST, LATEST, RFC3339, format_time, parse_rfc3339


class SandboxClock:
    """Runs at the speed of the underlying clock from another start time, or stands still."""

    def __init__(self, clock: Callable[[], float], starts_at: float | None = None) -> None:
        self._clock = clock
        self._ahead = 0.0 if starts_at is None else starts_at - clock()
        self._stopped_at: float | None = None

    def __call__(self) -> float:
        return self._clock() + self._ahead if self._stopped_at is None else self._stopped_at

    def record(self) -> dict[str, Any]:
        return {"time": format_time(self()), "running": self._stopped_at is None}

    def change(self, settings: dict[str, Any]) -> None:
        """Take `time` (RFC 3339), `advance` (`5m`, `1h30m`) and `running`, any of them, in this order.

        Raises ValueError for anything else, and then changes nothing.
        """
        if not isinstance(settings, dict) or settings.keys() - {"time", "advance", "running"}:
            raise ValueError("the clock takes an object with time, advance and running")
        running = settings.get("running", self._stopped_at is None)
        if not isinstance(running, bool):
            raise ValueError("running must be true or false")  # noqa: TRY004 - a caller's JSON, not our own code's type
        now = read_time(settings["time"]) if "time" in settings else self()
        if "advance" in settings:
            step = settings["advance"]
            duration = parse_duration(step) if isinstance(step, str) else None
            if duration is None or duration.months:
                raise ValueError("advance must be a duration such as 5m or 1h30m")
            now += duration.seconds
        if not EARLIEST <= now < LATEST:
            raise ValueError("the clock goes from 1970 to 2100")
        self._ahead = now - self._clock()
        self._stopped_at = None if running else now


def read_time(text: Any) -> float:
    """Read RFC 3339 as epoch seconds. Raises ValueError for anything else."""
    if not isinstance(text, str) or not RFC3339.fullmatch(text):
        raise ValueError(f"{text!r} is not RFC 3339, as 2026-10-25T00:55:00Z")
    seconds = parse_rfc3339(text)
    if not EARLIEST <= seconds < LATEST:
        raise ValueError("the clock goes from 1970 to 2100")
    return seconds
