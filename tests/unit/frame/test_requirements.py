import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("runtime.txt", "build.txt", "dev.txt", "node.txt")


def pinned(path: Path) -> dict[str, str]:
    return {
        match["name"]: match["version"]
        for match in re.finditer(
            r"^(?P<name>[a-z0-9-]+)==(?P<version>[\w.+-]+)(?: ;.*)? \\$", path.read_text(), re.MULTILINE
        )
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_is_pinned_with_hashes(root: Path, lock: str) -> None:
    text = (root / "requirements" / lock).read_text()
    packages = [line for line in text.splitlines() if line and line[0] not in " #"]

    assert packages
    assert len(pinned(root / "requirements" / lock)) == len(packages)
    for block in re.split(r"^(?=\S)", text, flags=re.MULTILINE):
        assert not block.strip() or "--hash=sha256:" in block


@pytest.mark.parametrize("name", [*(f"requirements/{lock}" for lock in LOCKS), "web-ui/package-lock.json"])
def test_no_lock_records_a_download_address(root: Path, name: str) -> None:
    text = (root / name).read_text()

    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host|file:|git\+", text)
    # The npm lock names where packages ask for funding; none of it is fetched.
    assert not re.search(r'"resolved"|^[^"]*https?://', text, re.MULTILINE)


def test_the_locks_satisfy_what_the_package_asks_for(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    runtime = pinned(root / "requirements/runtime.txt")
    extras = [text for texts in project["project"]["optional-dependencies"].values() for text in texts]
    asked = {
        "runtime.txt": [*project["project"]["dependencies"], *extras],
        "build.txt": project["build-system"]["requires"],
        "dev.txt": [f"{name}=={version}" for name, version in runtime.items()],
    }

    for lock, requirements in asked.items():
        versions = pinned(root / "requirements" / lock)
        for requirement in map(Requirement, requirements):
            assert requirement.specifier.contains(versions[requirement.name], prereleases=True), requirement


def test_the_page_is_built_from_locked_packages(root: Path) -> None:
    package = json.loads((root / "web-ui/package.json").read_text())
    lock = json.loads((root / "web-ui/package-lock.json").read_text())["packages"]

    for name, version in {**package["dependencies"], **package["devDependencies"]}.items():
        assert lock[f"node_modules/{name}"]["version"] == version
        assert lock[f"node_modules/{name}"]["integrity"].startswith("sha512-")


def test_all_that_the_package_imports_is_among_its_dependencies(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    declared = {canonicalize_name(Requirement(text).name) for text in [*project["dependencies"], *extras]}
    imported = set()
    for path in (root / "facade").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported.add(node.module.partition(".")[0])
    outside = imported - sys.stdlib_module_names - {"facade"}
    owners = packages_distributions()

    assert "strawberry" in outside
    assert {name for name in outside if not declared & set(map(canonicalize_name, owners.get(name, ())))} == set()
