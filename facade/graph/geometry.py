"""Convert points between a sensor's view and the floor, by the sensor's position."""

import math
from dataclasses import dataclass

from ..assets.records import SensorRecord

# Radians: the field of view of every sensor before the native API had it as a field.
FIELD_OF_VIEW = 1.0472


@dataclass(frozen=True, slots=True)
class View:
    """A square of `side` metres around (`x`, `y`), turned by `yaw` radians. Local (0, 0) is its top left."""

    x: float
    y: float
    side: float
    yaw: float

    def to_world(self, u: float, v: float) -> tuple[float, float]:
        """Convert 0..1 in the view to metres on the floor."""
        dx, dy = (u - 0.5) * self.side, (v - 0.5) * self.side
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return self.x + cos * dx + sin * dy, self.y + cos * dy - sin * dx

    def to_local(self, x: float, y: float) -> tuple[float, float]:
        """Convert metres on the floor to 0..1 in the view."""
        dx, dy = x - self.x, y - self.y
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return (cos * dx - sin * dy) / self.side + 0.5, (cos * dy + sin * dx) / self.side + 0.5


def view_of(sensor: SensorRecord) -> View | None:
    """Return the sensor's view; None if its position or height is not known. Only its yaw turns the view."""
    if not sensor.center or len(sensor.center) < 2 or not sensor.height:
        return None
    yaw = sensor.orientation[2] if sensor.orientation and len(sensor.orientation) > 2 else 0.0
    side = 2 * sensor.height * math.tan((sensor.field_of_view or FIELD_OF_VIEW) / 2)
    return View(sensor.center[0], sensor.center[1], side, math.radians(yaw)) if side > 0 else None
