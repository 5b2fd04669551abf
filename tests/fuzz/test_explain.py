"""Explain of any valid operation: the plan has exactly the calls that are then made, and none once they are cached."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from graphql import REMOVE, NamedTypeNode, NameNode, NonNullTypeNode, Visitor, parse, print_ast, visit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100")) // 8
SCHEMA = Path(__file__).parents[2] / "schema.graphql"
# Spans that are settled: what is answered does not change while a test runs.
SCALARS = {
    "Start": st.sampled_from(["2026-01-12T15:00:00Z", "2026-01-12T16:00:00Z"]).map(nodes.String),
    "Stop": st.sampled_from(["2026-01-12T17:00:00Z", "2026-01-12T18:30:00Z"]).map(nodes.String),
    "Time": st.just("2026-01-12T16:00:00Z").map(nodes.String),
    "Duration": st.sampled_from(["5m", "1h"]).map(nodes.String),
    "JSON": st.just("{}").map(nodes.String),
}
ROOTS = ("report", "detections", "stats", "rooms", "sensors", "floors", "zones", "hives")
# Arguments that pick assets by names that nobody has leave nothing to explain.
KEPT = {"start", "stop", "measurements", "items", "filter", "window", "every", "include_open", "create_empty", "raw"}
KEPT |= {"group_by", "first", "frame", "omit_empty_value", "normalize"}
ASSETS = {"Sensor", "Hive", "Room", "Floor", "Zone"}
# Of assets, what asks something.
ASKING = {"report", "detections", "occupancy", "stats"}


class Narrowed(Visitor):
    """The schema without the arguments that are not `KEPT`, and of assets without most of what is only read."""

    def enter_input_value_definition(self, node, *_):
        if node.name.value not in KEPT:
            return REMOVE
        if node.name.value in ("start", "stop"):
            named = NamedTypeNode(name=NameNode(value=node.name.value.capitalize()))
            return replace(node, type=NonNullTypeNode(type=named))
        return None

    def enter_object_type_definition(self, node, *_):
        if node.name.value in ("Mutation", "Subscription"):
            return REMOVE
        is_asset = node.name.value in ASSETS
        fields = tuple(field for field in node.fields if not is_asset or field.name.value in ASKING)
        return replace(node, fields=fields, interfaces=())

    def enter_field_definition(self, node, *_):
        return REMOVE if print_ast(node.type).strip("[]!") in ("Node", "_Entity") else None

    def enter_interface_type_definition(self, *_):
        return REMOVE

    def enter_union_type_definition(self, *_):
        return REMOVE


@pytest.fixture(scope="module")
def operations():
    text = f"{print_ast(visit(parse(SCHEMA.read_text()), Narrowed()))}\nscalar Start\nscalar Stop"
    return st.sampled_from(ROOTS).flatmap(
        lambda root: queries(text, fields=[root], custom_scalars=SCALARS, allow_null=False)
    )


@pytest.fixture
def explain(facade):
    def explain(query, mode, token):
        answer = facade.post(query, token=token, headers={"X-Explain": mode}).json()
        return answer["extensions"]["explain"], answer.get("errors", ())

    return explain


def written(calls, endpoint):
    return sorted(json.dumps([call[endpoint], call["body"]], sort_keys=True) for call in calls)


@pytest.mark.slow
def test_a_plan_of_any_operation_has_the_calls_that_are_then_made(explain, sandbox, operations):
    exact = 0

    def is_foretold(query):
        nonlocal exact
        token = sandbox.login()
        plan, _ = explain(query, "plan", token)
        assert not sandbox.calls(token)
        if "the assets, which" in plan.get("needs", ""):
            explain("{ sensors { data { id } } }", "analyze", token)
            plan, _ = explain(query, "plan", token)
            assert "the assets, which" not in plan.get("needs", "")
        before = len(sandbox.calls(token))
        done, failed = explain(query, "analyze", token)
        if any(error["extensions"]["code"] == "QUERY_TOO_COMPLEX" for error in failed):
            # What came was more than it may be, and the rest was left.
            return
        made = written(sandbox.calls(token)[before:], "path")
        planned = written(plan["calls"], "endpoint")
        assert written([call for call in done["calls"] if call["cache"] != "SHARED"], "endpoint") == made
        if "needs" in plan:
            assert not set(planned) - set(made), query
        else:
            exact += bool(made)
            assert planned == made, query
        again, _ = explain(query, "plan", token)
        refused = written([call for call in done["calls"] if call["status"] != 200], "endpoint")
        assert not set(written(again["calls"], "endpoint")) - set(refused), query

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(query=operations)
    def all_are(query):
        is_foretold(query)

    all_are()
    assert exact >= EXAMPLES // 4
