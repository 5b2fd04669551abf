import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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
