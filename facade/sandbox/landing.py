"""When values land in the era `today`: some time after the end of their window, different for each asset.

The delays are drawn from the seed, so a sandbox of the same seed and clock answers the same.
"""

from dataclasses import dataclass
from typing import Literal
from zlib import crc32

MINUTE, HOUR = 60, 3600
# Seconds after a window's end, least and most.
PRESENCE_DELAY = (60, 120)
TRAFFIC_DELAY = (300, 360)
# For windows of an hour and more: different for each sensor and hour.
LONG_DELAY = (600, HOUR)
# One crossing in so many is heard later than its minute lands, and by this time after the minute's end.
LATE_CROSSINGS = 8
FINAL_AFTER = 600

Source = Literal["presence", "traffic"]


@dataclass(frozen=True, slots=True)
class Landing:
    seed: int
    now: float

    def landed(self, asset_id: str, source: Source, start: float, stop: float) -> bool:
        """Return whether the asset's value of this window has landed."""
        return self.now >= self.lands_at(asset_id, source, start, stop)

    def lands_at(self, asset_id: str, source: Source, start: float, stop: float) -> float:
        if stop - start >= HOUR:
            return stop + self._between(*LONG_DELAY, asset_id, stop)
        return stop + self._between(*(TRAFFIC_DELAY if source == "traffic" else PRESENCE_DELAY), asset_id)

    def heard(self, sensor_id: str, moments: list[int]) -> list[int]:
        """Return the crossings that are counted by now. Counts may grow until ten minutes after their minute."""
        settled = self.now - FINAL_AFTER - MINUTE
        if not moments or moments[-1] < settled:
            return moments
        return [moment for moment in moments if moment < settled or self._is_heard(sensor_id, moment)]

    def _is_heard(self, sensor_id: str, moment: int) -> bool:
        minute_end = moment // MINUTE * MINUTE + MINUTE
        late = self._draw(sensor_id, moment) % LATE_CROSSINGS == 0
        return not late or self.now >= minute_end + FINAL_AFTER

    def _between(self, least: int, most: int, *parts: object) -> int:
        return least + self._draw(*parts) % (most - least + 1)

    def _draw(self, *parts: object) -> int:
        return crc32(":".join(map(str, (self.seed, *parts))).encode())
