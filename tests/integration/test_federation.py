"""The schema as a subgraph: composed with a Relay-style one by two composers, and queried through Apollo's gateway."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

FEDERATION = Path(__file__).parent.parent / "federation"


COMPOSERS = ("apollo", "guild")
QUERIES = [
    """{ desks(first: 3) {
      edges { node { id at { x } room { id name floor { name } } } }
      pageInfo { hasNextPage }
    } }""",
    """{ report(filter: { measurements: [presence], start: "-1d", value: { gte: 0 } }, window: { every: "1h" }) {
      rows_connection(first: 2) { edges { node { value } } pageInfo { hasNextPage hasPreviousPage } }
    } }""",
]


@pytest.fixture(scope="module")
def node(npm_project):
    return npm_project(FEDERATION)


@pytest.fixture(scope="module")
def composed(node, facade, sandbox_process):
    sdl = facade.data("{ _service { sdl } }", token=sandbox_process.login())["_service"]["sdl"]
    return json.loads(_run(node, "compose.js", given=sdl))


def _run(node: str, *command: str, given: str, **environment: str) -> str:
    run = subprocess.run(
        [node, *command],
        cwd=FEDERATION,
        env={**os.environ, **environment},
        input=given,
        check=True,
        capture_output=True,
        text=True,
        timeout=180,
    )
    return run.stdout


@pytest.mark.parametrize("composer", COMPOSERS)
def test_a_supergraph_is_composed_of_this_subgraph_and_another(composed, composer):
    outcome = composed[composer]
    assert outcome["errors"] == []
    for name in ("Site", "Building", "Floor", "Room", "Zone", "Sensor", "Hive", "Tag", "Desk", "DeskConnection"):
        assert f"type {name}" in outcome["supergraph"]


@pytest.mark.parametrize("composer", COMPOSERS)
def test_a_gateway_joins_both(composed, composer, node, facade, token):
    rooms = facade.data("{ rooms { data { id name floor { name } } } }", token=token)["rooms"]["data"][:2]
    ids = [room["id"] for room in rooms]
    given = composed[composer]["supergraph"]

    desks, paged = json.loads(_run(node, "query.js", facade.url, token, *ids, given=given, QUERIES=json.dumps(QUERIES)))

    assert "errors" not in desks
    assert [edge["node"]["room"] for edge in desks["data"]["desks"]["edges"]] == rooms
    assert desks["data"]["desks"]["pageInfo"] == {"hasNextPage": False}
    connection = paged["data"]["report"]["rows_connection"]
    assert connection["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": False}
    assert len(connection["edges"]) == 2


def test_composers_are_told_the_least_version_and_no_node(facade, token):
    sdl = facade.data("{ _service { sdl } }", token=token)["_service"]["sdl"]
    assert "https://specs.apollo.dev/federation/v2.3" in sdl
    assert "node(" not in sdl
    assert "interface Node" in sdl
