"""The audit of the GraphQL-over-HTTP specification, by the reference implementation of its authors."""

import json
import subprocess
from pathlib import Path

import pytest

AUDIT = Path(__file__).parent.parent / "graphql-http"


@pytest.mark.parametrize("path", ["/graphql", "/api/v3/graphql"])
def test_every_must_and_every_should_is_held(npm_project, facade, path):
    node = npm_project(AUDIT)
    # The audit's own client retries nothing: make sure that the server has started.
    facade.request("GET", "/healthz")
    run = subprocess.run(
        [node, "audit.js", f"{facade.url}{path}"],
        cwd=AUDIT,
        check=True,
        capture_output=True,
        text=True,
        timeout=180,
    )
    audits = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(audits) > 60
    failed = [f"{audit['status']}: {audit['name']}: {audit['reason']}" for audit in audits if audit["status"] != "ok"]
    assert not failed, "\n".join(failed)
