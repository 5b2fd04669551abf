"""Runs the examples of the documents, so that they work when copied."""

import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)( no-test)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Seconds for a command of a document, the start of Python among it.
PATIENCE = 180.0


@dataclass(frozen=True)
class Block:
    document: str
    line: int
    language: str
    tested: bool
    text: str

    @property
    def id(self) -> str:
        return f"{self.document}:{self.line}"


def blocks() -> Iterator[Block]:
    for path in DOCUMENTS:
        text = path.read_text()
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Block(str(path.relative_to(ROOT)), line, match[1], match[2] is None, match[3])


BLOCKS = list(blocks())
# Their programs are other languages'; test_clients.py and live/test_clients.py run them, or such as do the same.
OF_CLIENTS = {"docs/clients.md", "docs/live.md"}
COMMANDS = [block for block in BLOCKS if block.language == "sh" and block.tested]
OPERATIONS = [block for block in BLOCKS if block.language == "graphql" and block.tested]


@dataclass(frozen=True)
class Servers:
    facade: str
    sandbox: str
    # The sandbox that the facade stands before.
    upstream: str


def environment(home: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FACADE_", "BUTLR_")) and not name.lower().endswith("_proxy")
    }
    return {**kept, "HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def drained(stream: IO[str]) -> "queue.Queue[str]":
    """The lines of a stream, then "". It is read to its end, so that its writer never waits."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    return lines


def found(lines: "queue.Queue[str]", pattern: str) -> str:
    said = []
    while line := lines.get(timeout=PATIENCE):
        if match := re.search(pattern, line):
            return match[1]
        said.append(line)
    pytest.fail("".join(said) or "the server ended without a word")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands run: paths in the documents are those of the checkout, whose `.env` is not read."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "facade").symlink_to(ROOT / "facade")
    return folder


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[Servers]:
    options: dict[str, Any] = {"env": environment(folder), "cwd": folder, "text": True}
    with (
        subprocess.Popen(
            ["facade", "serve", "--sandbox", "--port", "0"],
            stderr=subprocess.PIPE,
            # Off unless set, and shown.
            **{**options, "env": {**options["env"], "FACADE_INCREMENTAL": "true"}},
        ) as facade,
        subprocess.Popen(["facade", "sandbox", "--port", "0"], stdout=subprocess.PIPE, **options) as sandbox,
    ):
        try:
            assert facade.stderr is not None
            assert sandbox.stdout is not None
            said = drained(facade.stderr)
            url = found(said, r"(http://\S+)/graphql")
            upstream = found(said, r"(http://\S+) \(sandbox\)")
            yield Servers(url, found(drained(sandbox.stdout), r"(http://\S+)"), upstream)
        finally:
            facade.terminate()
            sandbox.terminate()


@pytest.mark.parametrize("block", COMMANDS, ids=lambda block: block.id)
def test_a_command_shown_succeeds(block: Block, servers: Servers, folder: Path) -> None:
    text = block.text.replace("http://127.0.0.1:8000", servers.facade).replace("http://127.0.0.1:9000", servers.sandbox)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert '"errors"' not in done.stdout


@pytest.mark.parametrize("block", OPERATIONS, ids=lambda block: block.id)
def test_an_operation_shown_is_answered(block: Block, servers: Servers) -> None:
    # What takes a REST body takes the one of the examples.
    body = json.loads((ROOT / "facade/web/examples/rest-body.json").read_text())
    variables = {name: value for name, value in body.items() if f"${name}" in block.text}

    answer = httpx.post(
        f"{servers.facade}/graphql",
        json={"query": block.text, "variables": variables},
        timeout=PATIENCE,
        trust_env=False,
    ).json()

    assert "errors" not in answer, answer["errors"]
    assert all(value is not None for value in answer["data"].values()) or "sensor(" in block.text


def test_only_what_needs_more_than_a_facade_is_left_out() -> None:
    assert {(block.document, block.text.split("\n")[0].split(" ")[0]) for block in BLOCKS if not block.tested} == {
        ("README.md", "git"),
        ("README.md", "BUTLR_CLIENT_ID=…"),
        # What they do is run, in small, with the benchmarks' own tests.
        ("docs/benchmarks.md", "make"),
        ("docs/operating.md", "docker"),
        ("docs/operating.md", "kubectl"),
        ("docs/operating.md", "facade"),
        # It needs a graphql-core of its own; test_clients.py runs it there.
        ("docs/clients.md", "sgqlc-codegen"),
        # They never end by themselves; live/test_clients.py and live/test_live.py run such.
        # What an assistant is told to start; test_mcp.py starts it.
        ("docs/agents.md", "{"),
        ("docs/agents.md", "pip"),
        ("docs/agents.md", "claude"),
        ("docs/live.md", "subscription"),
        ("docs/live.md", "echo"),
        ("docs/live.md", "last=$(mktemp)"),
    }
    assert {block.language for block in BLOCKS if block.document not in OF_CLIENTS} <= {"sh", "graphql", "json", "text"}
    assert len(COMMANDS) > 5
    assert len(OPERATIONS) > 5


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


def test_the_first_answer_in_the_readme_has_the_shape_and_the_cost_of_a_real_one(servers: Servers) -> None:
    [shown] = [json.loads(block.text) for block in BLOCKS if block.language == "json" and block.document == "README.md"]
    [query] = [block.text for block in OPERATIONS if block.document == "README.md"]

    def calls() -> int:
        answer = httpx.get(f"{servers.upstream}/_sandbox/calls", trust_env=False).json()
        return sum(call["path"].startswith("/api/v3/") for call in answer["log"])

    before = calls()
    answer = httpx.post(
        f"{servers.facade}/graphql",
        json={"query": query},
        headers={"Cache-Control": "no-cache"},
        timeout=PATIENCE,
        trust_env=False,
    ).json()

    assert calls() - before == 5
    sensors = answer["data"]["sensors"]["data"]
    assert len(sensors) > 100
    assert shown.keys() == sensors[0].keys()
    assert shape(shown["hive"]) == shape(sensors[0]["hive"])
    # At night nobody stands anywhere: then there are no points whose names could be held.
    moments = [moment for sensor in sensors for moment in sensor["detections"]["detections_local"]]
    assert all(shape(shown["detections"]["detections_local"][0]) == shape(moment) for moment in moments)
    series = [one for sensor in sensors for one in sensor["report"]["series"]]
    assert series
    assert all(shape(shown["report"]["series"][0]) == shape(one) for one in series)
