"""An install from a checkout, without make and without GraphiQL's page."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path):
    """What git holds of the package: no page, for that is built."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "facade", folder / "facade", ignore=shutil.ignore_patterns("graphiql", "__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


def built(folder, **env):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "made"]
    ended = subprocess.run(
        build, cwd=folder, env={**os.environ, **env}, check=False, capture_output=True, text=True, timeout=180
    )
    return ended, [*folder.glob("made/*.whl")]


def test_a_wheel_to_hand_on_is_refused_without_the_page(checkout):
    ended, wheels = built(checkout, REQUIRE_PAGE="1")
    assert ended.returncode != 0
    assert "run `make web-ui`" in ended.stderr
    assert wheels == []
    (checkout / "facade" / "web" / "graphiql").mkdir()
    (checkout / "facade" / "web" / "graphiql" / "index.html").write_text("")
    ended, wheels = built(checkout, REQUIRE_PAGE="1")
    assert (ended.returncode, len(wheels)) == (0, 1)


def test_an_install_from_a_checkout_serves_all_but_the_page(checkout, tmp_path):
    ended, [wheel] = built(checkout)
    assert "this install serves no GraphiQL" in ended.stdout + ended.stderr
    site = tmp_path / "site"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(install, check=True, timeout=180)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FACADE_", "BUTLR_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "facade", "serve", "--sandbox", "--port", "0"],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(site), "NO_COLOR": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = []
        while not (found := re.search(r"(http://127\.0\.0\.1:\d+)/graphql", line := process.stderr.readline())):
            assert line, said
            said.append(line)
        assert any("graphiql.not_built" in one for one in said)
        answer = httpx.post(f"{found[1]}/graphql", json={"query": "{ sites { data { id } } }"}, trust_env=False)
        assert answer.json()["data"]["sites"]["data"]
        assert httpx.get(f"{found[1]}/healthz", trust_env=False).status_code == 200
    finally:
        process.terminate()
        process.communicate(timeout=180)
