"""From a sensor's field of view to the floor plan, as Butlr's tutorial computes it."""

import math

FIELD_OF_VIEW = 1.0472  # radians


def footprint(height: float, field_of_view: float = FIELD_OF_VIEW) -> float:
    """Return the side in metres of the square that a sensor at this height sees."""
    return 2 * height * math.tan(field_of_view / 2)


def to_world(
    local: tuple[float, float],
    *,
    center: tuple[float, float],
    height: float,
    yaw_degrees: float,
    field_of_view: float = FIELD_OF_VIEW,
) -> tuple[float, float]:
    """Convert a point of the unit square, with (0, 0) at its top left, to metres on the floor."""
    side = footprint(height, field_of_view)
    half = side / 2
    x, y = local[0] * side - half, local[1] * side - half
    cos, sin = math.cos(math.radians(yaw_degrees)), math.sin(math.radians(yaw_degrees))
    return cos * x + sin * y + center[0], cos * y - sin * x + center[1]
