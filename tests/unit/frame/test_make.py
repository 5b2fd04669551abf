import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = (
    "requirements/runtime.txt",
    "requirements/build.txt",
    "requirements/node.txt",
    "pyproject.toml",
    "web-ui/package.json",
    "web-ui/package-lock.json",
)
BUILT = (
    ".venv/.python",
    ".venv/.runtime",
    ".venv/.node",
    "web-ui/node_modules/.package-lock.json",
    "facade/web/graphiql/index.html",
)

Make = Callable[..., subprocess.CompletedProcess[str]]


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def installed(root: Path, tmp_path: Path) -> Path:
    """A checkout in which everything is installed, the facade being a script that prints how it was called."""
    shutil.copy(root / "Makefile", tmp_path)
    shutil.copytree(root / "scripts", tmp_path / "scripts")
    for age, names in ((2000, SOURCES), (1000, BUILT)):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, (path.stat().st_mtime - age,) * 2)
    script(tmp_path / ".venv/bin/facade", 'echo "facade $* auth=${FACADE_AUTH:-}"')
    script(tmp_path / ".venv/bin/python", 'echo "python $*"')
    return tmp_path


@pytest.fixture
def make(installed: Path) -> Make:
    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(installed), **settings}
        return subprocess.run(
            ["make", *arguments],
            cwd=installed,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


def test_help_is_the_default_and_names_every_public_target(root: Path, make: Make) -> None:
    listed = re.findall(r"^  make ([a-z-]+) +\S", make().stdout, re.MULTILINE)
    public = re.findall(r"^([a-z-]+):(?!=)", (root / "Makefile").read_text(), re.MULTILINE)

    assert {"help", "install", "serve", "test", "check", "schema", "lock", "web-ui", "clean"} <= set(listed)
    assert set(listed) | {"bench"} == set(public) | {"bench"}


def test_serve_stands_before_the_sandbox_without_an_upstream_of_its_own(make: Make) -> None:
    assert make("serve").stdout == "facade serve --sandbox auth=\n"


def test_an_upstream_in_the_environment_takes_the_sandboxs_place(make: Make) -> None:
    assert make("serve", BUTLR_BASE_URL="https://api.example.com").stdout == "facade serve auth=\n"


def test_an_upstream_in_the_env_file_takes_the_sandboxs_place(installed: Path, make: Make) -> None:
    (installed / ".env").write_text("BUTLR_CLIENT_ID=me\nBUTLR_CLIENT_SECRET=mine\n")

    assert make("serve").stdout == "facade serve auth=\n"


def test_credentials_in_the_environment_let_the_facade_log_in_itself_unless_told_otherwise(make: Make) -> None:
    credentials = {"BUTLR_CLIENT_ID": "me", "BUTLR_CLIENT_SECRET": "mine"}

    assert make("serve", **credentials).stdout == "facade serve auth=service\n"
    assert make("serve", **credentials, FACADE_AUTH="passthrough").stdout == "facade serve auth=passthrough\n"


def test_a_second_install_does_nothing(make: Make) -> None:
    assert "Nothing to be done" in make("install").stdout


@pytest.mark.parametrize("source", ["requirements/runtime.txt", "requirements/build.txt", "pyproject.toml"])
def test_a_change_of_what_is_required_installs_anew(installed: Path, make: Make, source: str) -> None:
    (installed / source).touch()

    assert re.findall(r"python -m pip .*? install (.*)", make("install").stdout) == [
        "--require-hashes -r requirements/runtime.txt -r requirements/build.txt",
        "--no-deps --no-build-isolation -e .",
    ]


def test_a_changed_example_builds_the_page_anew(installed: Path, make: Make) -> None:
    example = installed / "facade/web/examples/first-look.graphql"
    example.parent.mkdir()
    example.touch()
    script(installed / ".venv/bin/npm", 'echo "npm $*"')

    assert re.findall(r"^npm .*", make("install").stdout, re.MULTILINE) == ["npm run --silent build -- --logLevel warn"]


@pytest.fixture
def without_apt(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has neither apt nor anything else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "dirname", "id"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return {"PATH": str(folder)}


def test_what_is_missing_and_cannot_be_installed_is_one_line_with_the_command(
    root: Path, without_apt: dict[str, str]
) -> None:
    done = subprocess.run(
        ["/bin/bash", root / "scripts/need", "redis-server", "bash", "chromium"],
        env=without_apt,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "Missing: redis-server chromium. Get it with: sudo apt-get install -y redis-server chromium\n"
    )


def test_nothing_is_installed_where_nothing_is_missing(root: Path, without_apt: dict[str, str]) -> None:
    done = subprocess.run(
        ["/bin/bash", root / "scripts/need", "bash", "id"], env=without_apt, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_python_is_one_line_with_the_command(root: Path, tmp_path: Path, without_apt: dict[str, str]) -> None:
    done = subprocess.run(
        ["/bin/bash", root / "scripts/venv", tmp_path / "new"],
        env=without_apt,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == ("Missing: Python 3.11 or newer. Get it with: sudo apt-get install -y python3 python3-venv\n")


@pytest.mark.parametrize(
    ("version", "is_new_enough"),
    [
        ("18.20.0", False),
        ("20.18.1", False),
        ("20.19.0", True),
        ("21.7.0", False),
        ("22.11.0", False),
        ("22.12.0", True),
        ("24.19.0", True),
    ],
)
def test_node_is_new_enough_exactly_where_vite_runs(
    root: Path, tmp_path: Path, version: str, is_new_enough: bool
) -> None:
    node = shutil.which("node")
    assert node is not None
    script(tmp_path / "npm", "")
    # The version that the question is put to, and the machine's own Node to answer it.
    script(
        tmp_path / "node",
        f"\"{node}\" -e \"Object.defineProperty(process.versions, 'node', {{value: '{version}'}}); $2\"",
    )
    path = f"{tmp_path}:/usr/bin:/bin"

    done = subprocess.run(["/bin/bash", root / "scripts/node-is-new-enough"], env={"PATH": path}, check=False)

    assert (done.returncode == 0) is is_new_enough


@pytest.mark.parametrize(
    ("closing", "status"), [("=== 12 passed in 3.21s ===", 0), ("=== 1 failed, 11 passed in 62.10s (0:01:02) ===", 2)]
)
def test_ci_ends_with_pytests_closing_line_and_its_status(
    root: Path, tmp_path: Path, closing: str, status: int
) -> None:
    script(tmp_path / "make", f'echo "make $*"; echo "{closing}"; echo "make: *** said after it" >&2; exit {status}')

    done = subprocess.run(
        [root / ".ci/run"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.startswith("make test\n")
    assert done.stdout.endswith(f"{closing}\n")
    assert done.returncode == status
