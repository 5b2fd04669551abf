"""The schema as a subgraph: composed by Apollo's own composition with another that refers to its rooms."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

FEDERATION = Path(__file__).parent.parent / "federation"


def test_a_supergraph_is_composed_of_this_subgraph_and_another(npm_project, facade, token):
    node = npm_project(FEDERATION)
    sdl = facade.data("{ _service { sdl } }", token=token)["_service"]["sdl"]
    run = subprocess.run(
        [node, "compose.js"], cwd=FEDERATION, input=sdl, check=True, capture_output=True, text=True, timeout=60
    )
    outcome = json.loads(run.stdout)
    assert outcome["errors"] == []
    for name in ("Site", "Building", "Floor", "Room", "Zone", "Sensor", "Hive"):
        assert f"type {name}" in outcome["supergraph"]
    assert "type Desk" in outcome["supergraph"]
