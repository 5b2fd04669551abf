"""Logs that cannot be written (a full disk, a closed pipe): lines are lost, but no answers."""

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

REPORT = """query ($start: Time!, $stop: Time) {
  report(filter: {start: $start, stop: $stop, measurements: [presence]}) { rows { value sensor_id } } }"""


@pytest.fixture(scope="module", params=["full disk", "closed pipe"])
def unlogged(request, launch, sandbox_process):
    """A facade none of whose logs can be written."""
    with ExitStack() as stack:
        if request.param == "full disk":
            stderr = stack.enter_context(Path("/dev/full").open("wb"))
        else:
            reading, writing = os.pipe()
            os.close(reading)
            stderr = stack.enter_context(os.fdopen(writing, "wb"))
        return launch.facade(
            sandbox_process.url,
            stderr=stderr,
            FACADE_AUDIT_LOG="/dev/full" if request.param == "full disk" else "stderr",
        )


def test_answers_made_and_given_again_are_whole(unlogged, token, sandbox, at_work):
    body = {"query": REPORT, "variables": at_work()}
    headers = {"Authorization": f"Bearer {token}"}
    answers = [unlogged.request("POST", "/graphql", json=body, headers=headers) for _ in range(40)]
    assert [answer.status_code for answer in answers] == [200] * 40
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[-1].headers["X-Cache"] == "HIT"


def test_an_error_of_the_upstream_is_told(unlogged, token, sandbox, at_work):
    sandbox.fault(status=503)
    body = {"query": REPORT, "variables": at_work(days=2)}
    failed = unlogged.request("POST", "/graphql", json=body, headers={"Authorization": f"Bearer {token}"})
    assert failed.status_code == 200
    assert [error["extensions"]["code"] for error in failed.json()["errors"]] == ["UPSTREAM_UNAVAILABLE"]


def test_a_facade_starts_whose_address_cannot_be_said(tmp_path, http):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "facade", "serve", "--sandbox", "--port", str(port)]
    with Path("/dev/full").open("wb") as full:
        process = subprocess.Popen(command, cwd=tmp_path, stderr=full, stdout=full)
    try:
        while process.poll() is None:
            with suppress(httpx.ConnectError):
                assert http.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
                break
            time.sleep(0.05)
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(180)
