"""The audit of the GraphQL-over-HTTP specification, by the reference implementation of its authors."""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

import pytest

AUDIT = Path(__file__).parent.parent / "graphql-http"


@pytest.fixture(scope="module")
def node():
    """Node.js, with the audit's packages in place."""
    node, npm = shutil.which("node"), shutil.which("npm")
    assert node, "Node.js is not installed: apt-get install nodejs npm"
    assert npm, "npm is not installed: apt-get install npm"
    # One test worker installs; the others wait for it.
    with (AUDIT / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (AUDIT / "node_modules" / ".package-lock.json").exists():
            subprocess.run([npm, "ci"], cwd=AUDIT, check=True, capture_output=True, timeout=120)
    return node


@pytest.mark.parametrize("path", ["/graphql", "/api/v3/graphql"])
def test_every_must_and_every_should_is_held(node, facade, path):
    # The audit's own client retries nothing: make sure that the server has started.
    facade.request("GET", "/healthz")
    run = subprocess.run(
        [node, "audit.js", f"{facade.url}{path}"],
        cwd=AUDIT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    audits = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(audits) > 60
    failed = [f"{audit['status']}: {audit['name']}: {audit['reason']}" for audit in audits if audit["status"] != "ok"]
    assert not failed, "\n".join(failed)
