"""Bodies of undocumented shapes, with an upstream that accepts them."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

REPORTING, DETECTIONS, STATS = "/api/v3/reporting", "/api/v3/detections", "/api/v4/reporting/stats"
# As it answers a report that was too much for it, which is then cut into parts by what the body says.
OVERLOADED = {"data": {}, "page_info": {"page": 1, "page_item_count": 0, "total_item_count": 0, "total_pages": 1}}

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "5m", "-1d", "2025-04-01T09:00:00Z", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["eq", "order", "every"]), inner),
    max_leaves=5,
)


def some(**fields):
    return st.fixed_dictionaries({}, optional=fields)


IDS = ANYTHING | some(eq=ANYTHING | st.lists(ANYTHING, min_size=2, max_size=3))
BODIES = {
    REPORTING: some(
        filter=ANYTHING
        | some(start=ANYTHING, stop=ANYTHING, measurements=ANYTHING, rooms=IDS, sensors=IDS, value=ANYTHING),
        window=ANYTHING | some(every=ANYTHING, function=ANYTHING),
        group_by=ANYTHING | some(order=ANYTHING | st.lists(ANYTHING, max_size=2), raw=ANYTHING),
        options=ANYTHING | some(format=ANYTHING),
        paginate=ANYTHING,
    ),
    DETECTIONS: some(
        data_types=ANYTHING | st.lists(ANYTHING | st.just("heatmap_v2"), max_size=2),
        filter=ANYTHING | some(start=ANYTHING, stop=ANYTHING, mac_addresses=IDS, room_id=ANYTHING),
        window=ANYTHING | some(every=ANYTHING, heatmap_v2_options=ANYTHING),
    ),
    STATS: some(measurements=ANYTHING, items=ANYTHING | st.lists(ANYTHING, max_size=3), start=ANYTHING, stop=ANYTHING),
}


@pytest.mark.parametrize("path", BODIES)
def test_a_body_of_any_shape_is_answered_by_the_upstream_or_refused_and_never_broken_over(
    path, facade_of_stand_in, stand_in
):
    stand_in.answers(REPORTING, OVERLOADED)
    stand_in.answers(DETECTIONS, {})
    stand_in.answers(STATS, {"data": {}})

    @settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(BODIES[path])
    def holds(body):
        answer = facade_of_stand_in.request(
            "POST", path, content=json.dumps(body), headers={"Authorization": "Bearer a-token"}
        )
        assert answer.status_code in (200, 400, 502, 504), answer.text

    holds()
