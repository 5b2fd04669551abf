"""What operations cost, before the first call and with the true numbers."""

from datetime import UTC, datetime

import pytest
from graphql import GraphQLObjectType, get_operation_ast, parse

from facade.execution import Limits
from facade.execution.cost import COSTS, excess, is_costly, operation_cost
from facade.graph import build_schema
from facade.loaders import Budget, BudgetSpent
from facade.loaders.budget import BYTES_A_POINT, CALL, LISTED, detections_cost, heatmap_cost, report_cost

NOW = datetime(2025, 10, 14, 12, tzinfo=UTC)
DAY = {"start": "2025-10-13T00:00:00Z", "stop": "2025-10-14T00:00:00Z"}
MINUTES_A_DAY = 1440


def cost(text, variables=None):
    document = parse(text)
    return operation_cost(document, get_operation_ast(document), variables, NOW)


def refusal(text, variables=None, limit=None):
    document = parse(text)
    limit = Limits().cost if limit is None else limit
    return excess(document, get_operation_ast(document), variables, limit=limit, now=NOW)


class TestBodies:
    @pytest.mark.parametrize(
        ("body", "assets", "points"),
        [
            ({"filter": {**DAY, "measurements": ["presence"]}, "window": {"every": "1m"}}, 1, MINUTES_A_DAY),
            ({"filter": {**DAY, "measurements": ["presence"]}, "window": {"every": "1h"}}, 200, 200 * 24),
            ({"filter": {**DAY, "measurements": ["traffic"]}, "window": {"every": "1h"}}, 1, 2 * 24),
            ({"filter": {**DAY, "measurements": ["presence"]}}, 1, MINUTES_A_DAY),
            ({"filter": {**DAY, "measurements": ["presence"], "rooms": {"eq": ["a", "b"]}}}, 1, 2 * MINUTES_A_DAY),
            ({"filter": {"start": "-1d", "measurements": ["presence"]}, "window": {"every": "1d"}}, 1, 1),
            ({"filter": {"start": "-30d", "measurements": ["presence"]}, "window": {"every": "1M"}}, 1, 1),
            ({"filter": {**DAY, "measurements": ["presence"]}, "paginate": {"page": 1, "limit": 50}}, 9, 50),
            ({"filter": {**DAY, "measurements": ["presence"]}, "group_by": {"order": ["room_id"]}}, 10, 144),
            ({"filter": {**DAY, "measurements": ["presence"]}, "group_by": {"order": ["time"]}}, 1, MINUTES_A_DAY),
            ({"filter": {**DAY, "measurements": ["presence"]}, "group_by": {"raw": True}}, 1, MINUTES_A_DAY),
            ({"filter": {**DAY, "measurements": ["presence"]}, "group_by": {}}, 1, MINUTES_A_DAY),
            ({"filter": {**DAY, "measurements": ["presence"]}, "group_by": {"order": []}}, 1, MINUTES_A_DAY),
            ({"filter": {**DAY, "measurements": ["presence"]}, "group_by": {"raw": False}}, 1, MINUTES_A_DAY),
            (
                {
                    "filter": {**DAY, "measurements": ["presence"]},
                    "group_by": {"order": ["time"]},
                    "paginate": {"page": 1, "limit": 1},
                },
                1,
                MINUTES_A_DAY,
            ),
        ],
    )
    def test_a_report_costs_a_call_and_its_points(self, body, assets, points):
        assert report_cost(body, NOW, assets=assets) == CALL + points

    def test_detections_cost_a_call_for_each_five_hundred_sensors(self):
        body = {"filter": DAY, "window": {"every": "1h"}}
        assert detections_cost(body, NOW, types=2, sensors=501) == 2 * CALL + 2 * 501 * 24

    def test_a_heat_map_costs_a_call_a_week(self):
        assert heatmap_cost({"filter": {"start": "-15d"}}, NOW) == 3 * CALL


class TestBeforeTheFirstCall:
    REPORT = 'report(filter: {start: "-1d", measurements: [presence]}, window: {every: "1m"})'

    def test_what_costs_nothing_upstream_is_free(self):
        assert cost("{ sensors { data { id room { name } } } }") == 0
        assert not is_costly(parse("{ sensors { data { id room { name } } } }"))
        assert is_costly(
            parse("{ sensors { data { ...F } } } fragment F on Sensor { detections(start: 0) { heatmap } }")
        )

    @pytest.mark.parametrize(
        ("text", "reports"),
        [
            ("{ %s { rows { value } } }", 1),
            ("{ a: %s { data } b: %s { data } }", 2),
            ("{ %s { rows { time } } %s { rows { value } } }", 1),
            ("{ ...F ...F } fragment F on Query { %s { data } }", 1),
            ("{ ...on Query { %s { data } } }", 1),
            ("{ %s @skip(if: true) { data } }", 0),
            ("{ %s @include(if: false) { data } }", 0),
            ("{ ...F @skip(if: true) } fragment F on Query { %s { data } }", 0),
            ("query ($on: Boolean!) { %s @include(if: $on) { data } }", 1),
            ("query ($off: Boolean!) { %s @include(if: $off) { data } }", 0),
            ("query ($off: Boolean = true) { %s @include(if: $off) { data } }", 0),
            ("query ($default: Boolean = false) { %s @include(if: $default) { data } }", 0),
            ("query ($unknown: Boolean) { %s @include(if: $unknown) { data } }", 1),
            ("{ %s { __typename rows_connection { edges { cursor } } data } }", 1),
        ],
    )
    def test_what_is_selected_is_counted_once_and_what_is_left_out_is_not(self, text, reports):
        variables = {"on": True, "off": False}
        pages = text.count("rows_connection") * 2 * (CALL + 100)
        assert cost(text.replace("%s", self.REPORT), variables) == reports * (CALL + MINUTES_A_DAY) + pages

    def test_each_selection_of_the_points_is_priced(self):
        selections = " ".join(f"a{at}: rows {{ value }}" for at in range(99))
        assert cost(f"{{ {self.REPORT} {{ {selections} }} }}") == CALL + 99 * MINUTES_A_DAY
        assert cost(f"{{ {self.REPORT} {{ series {{ values }} freshness {{ as_of }} }} }}") == CALL + MINUTES_A_DAY

    def test_arguments_come_from_variables_and_their_defaults(self):
        text = """query ($filter: ReportFilter!, $every: Duration = "1h") {
            report(filter: $filter, window: {every: $every}) { data } }"""
        filter_ = {"start": "2025-10-13", "stop": "2025-10-14", "measurements": "presence", "rooms": {"eq": ["a", "b"]}}
        assert cost(text, {"filter": filter_}) == CALL + 48
        assert cost(text, {"filter": filter_, "every": "1m"}) == CALL + 2880

    @pytest.mark.parametrize("start", ['"2025-10-13T12:00:00Z"', "1760356800000", '"1760356800000"', '"-24h"'])
    def test_times_may_be_written_in_every_way(self, start):
        text = f"{{ report(filter: {{start: {start}, measurements: [presence]}}) {{ data }} }}"
        assert cost(text) == CALL + MINUTES_A_DAY

    def test_the_fields_of_assets_are_counted_for_one(self):
        assert cost('{ rooms { data { report(start: "-1d", measurements: [presence]) { data } } } }') == CALL + 1440
        assert cost("{ rooms { data { occupancy { value } } } }") == CALL
        assert cost('{ rooms { data { stats(measurements: [a, b], start: "a", stop: "b") { item } } } }') == CALL + 2
        detections = '{ sensors { data { detections(start: "-1h") { %s } } } }'
        assert cost(detections % "detections_local { value } freshness { partial }") == CALL + 60
        assert cost(detections % "detections_local { value } detections_world { value }") == CALL + 120
        assert cost(detections % "heatmap a: heatmap_v2 b: heatmap_v2(grid_resolution: 1)") == 3 * CALL

    @pytest.mark.parametrize(
        "arguments", ["", "start: 1", 'start: "yesterday"', 'start: "-1d", window: {every: 5}', "start: $none"]
    )
    def test_arguments_that_do_not_fit_are_left_to_execution(self, arguments):
        assert cost(f"{{ rooms {{ data {{ report({arguments or 'a: 1'}) {{ data }} }} }} }}") <= CALL + 3

    @pytest.mark.parametrize(
        ("span", "every", "dimension", "ids"), [("-24h", "1m", "sensors", 200), ("-30d", "5m", "rooms", 40)]
    )
    def test_an_honest_dashboard_takes_less_than_half_of_the_limit(self, span, every, dimension, ids):
        text = """query ($filter: ReportFilter!, $window: ReportWindow) {
            report(filter: $filter, window: $window) { series { values } } }"""
        filter_ = {"start": span, "measurements": ["presence"], dimension: {"eq": [f"id{at}" for at in range(ids)]}}
        assert 250_000 < cost(text, {"filter": filter_, "window": {"every": every}}) < Limits().cost / 2

    @pytest.mark.parametrize(
        "text",
        [
            '{ report(filter: {start: "-365d", measurements: [presence]}, window: {every: "1s"}) { data } }',
            '{ sensors { data { detections(start: "2015-01-01", window: {every: "1s"}) { freshness { partial } } } } }',
            '{ detections(filter: {start: "0001-01-01"}) { heatmap_v2 } }',
        ],
    )
    def test_a_year_by_the_second_is_refused_with_what_it_costs(self, text):
        error = refusal(text)
        assert error.extensions["code"] == "QUERY_TOO_COMPLEX"
        assert error.extensions["limit"] == Limits().cost
        assert error.extensions["cost"] > Limits().cost
        assert f"{error.extensions['cost']:,}" in error.message
        assert error.locations

    def test_the_limit_itself_is_within_it(self):
        assert refusal(f"{{ {self.REPORT} {{ data }} }}", limit=CALL + 1440) is None
        assert refusal(f"{{ {self.REPORT} {{ data }} }}", limit=CALL + 1439) is not None

    def test_every_field_that_may_call_upstream_has_its_price(self):
        """By name, so no other field of these names may be about something else."""
        assert set(COSTS) == {"report", "detections", "stats", "occupancy"}
        returned = {"report": "Report", "detections": "DetectionSet", "stats": "AssetStats", "occupancy": "Occupancy"}
        schema = build_schema()
        for type_ in schema.type_map.values():
            if isinstance(type_, GraphQLObjectType) and type_ is not schema.subscription_type:
                for name, field in type_.fields.items():
                    assert (name in COSTS) == (str(field.type).strip("[]!") in returned.values()), f"{type_}.{name}"
                    if name in COSTS:
                        assert str(field.type).strip("[]!") == returned[name]


class TestWithTheTrueNumbers:
    def test_a_budget_is_spent_to_its_end_and_not_beyond(self):
        budget = Budget(limit=100)
        budget.spend(60, "this")
        with pytest.raises(BudgetSpent) as refused:
            budget.spend(41, "that")
        assert refused.value.extensions == {"code": "QUERY_TOO_COMPLEX", "cost": 101, "limit": 100}
        assert "that" in str(refused.value)
        budget.spend(40, "something smaller")
        assert budget.spent == 100

    def test_without_a_limit_it_counts(self):
        budget = Budget()
        budget.spend(10**12, "all")
        assert budget.spent == 10**12

    def test_assets_once_too_many_stay_so(self):
        budget = Budget(limit=10 * LISTED)
        assert budget.reach(10, listed=True)
        assert not budget.reach(1, listed=True)
        assert not budget.reach(0, listed=True)
        assert budget.overdrawn.extensions["limit"] == 10 * LISTED


class TestWhatComes:
    """Rows are counted as they come, and bytes as they are written, for the number of assets is not known before."""

    def test_rows_beyond_the_limit_end_the_operation(self):
        budget = Budget(100)
        budget.count(60)
        with pytest.raises(BudgetSpent):
            budget.count(60)
        assert budget.overdrawn is not None
        assert budget.cost == 120
        with pytest.raises(BudgetSpent):
            budget.count(0)

    @pytest.mark.parametrize(
        ("group", "more"),
        [
            ({"order": ["room_id"]}, 199 * 14),
            ({"order": ["room_id", "field"], "raw": False}, 199 * 14),
            # Rows are counted as they come.
            ({"order": ["room_id"], "raw": True}, 0),
            ({"order": ["room_id", "time"]}, 0),
            ({}, 0),
        ],
    )
    def test_a_report_of_all_is_priced_again_by_its_groups(self, group, more):
        body = {"filter": {**DAY, "measurements": ["presence"]}, "group_by": group}
        budget = Budget(now=lambda: NOW)
        budget.report_again(body, 200)
        assert abs(budget.spent - more) <= 200
        with_ids = {**body, "filter": {**body["filter"], "rooms": {"eq": ["room_1"]}}}
        budget = Budget(now=lambda: NOW)
        budget.report_again(with_ids, 200)
        assert budget.spent == 0

    def test_so_do_bytes(self):
        budget = Budget(100)
        budget.wrote(100 * BYTES_A_POINT)
        with pytest.raises(BudgetSpent):
            budget.wrote(1)

    @pytest.mark.parametrize("count", [lambda budget: budget.count(10**6), lambda budget: budget.wrote(10**9)])
    @pytest.mark.parametrize(
        ("spend", "names"),
        [
            (lambda budget: budget.report({"filter": DAY, "window": {"every": "1m"}}, 2), "facade export report"),
            (lambda budget: budget.detections({"filter": DAY, "data_types": ["d"]}, 2), "facade export detections"),
            (lambda budget: budget.heatmap({"filter": DAY}), None),
            (lambda budget: budget.stats(1000, 1), None),
        ],
        ids=["report", "detections", "heat map", "statistics"],
    )
    def test_what_is_too_much_names_the_export_of_the_dearest_rows(self, spend, names, count):
        budget = Budget(10**5, now=lambda: NOW)
        budget.report({"filter": DAY, "window": {"every": "1d"}}, 1) if names else None
        spend(budget)
        with pytest.raises(BudgetSpent) as refused:
            count(budget)
        assert ("export" in str(refused.value)) == (names is not None)
        assert (names or "") in str(refused.value)

    def test_without_a_limit_they_are_only_counted(self):
        budget = Budget()
        budget.count(10**9)
        budget.wrote(10**12)
        assert budget.cost == 10**9
