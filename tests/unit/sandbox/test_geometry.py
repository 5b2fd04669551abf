import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.sandbox.geometry import footprint, to_world

UNIT = st.floats(0, 1)


def test_a_sensor_at_2_7_metres_sees_a_square_of_3_1_metres():
    assert footprint(2.7) == pytest.approx(2 * 2.7 * math.tan(math.pi / 6), rel=1e-4)


@pytest.mark.parametrize(
    ("yaw", "corner"),
    [(0, (-1, -1)), (90, (-1, 1)), (180, (1, 1)), (270, (1, -1))],
)
def test_the_top_left_corner_turns_with_the_sensor(yaw, corner):
    half = footprint(2.5) / 2

    x, y = to_world((0, 0), center=(10, 20), height=2.5, yaw_degrees=yaw)

    assert (x, y) == pytest.approx((10 + corner[0] * half, 20 + corner[1] * half))


@given(UNIT, UNIT, st.floats(-360, 360))
def test_turning_keeps_the_distance_from_the_centre(u, v, yaw):
    side = footprint(3)

    x, y = to_world((u, v), center=(5, 5), height=3, yaw_degrees=yaw)

    assert math.hypot(x - 5, y - 5) == pytest.approx(math.hypot((u - 0.5) * side, (v - 0.5) * side), abs=1e-9)
