"""The documents are complete, and everything that they name exists."""

import re
from itertools import chain
from pathlib import Path

import pytest

from facade import butlr
from facade.cli.lazy import COMMANDS
from facade.settings import Settings

ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+?) \|", re.MULTILINE)


@pytest.fixture(scope="session")
def documents(root: Path) -> dict[str, str]:
    paths = [root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").glob("*.md"))]
    return {str(path.relative_to(root)): path.read_text() for path in paths}


@pytest.fixture(scope="session")
def written(documents: dict[str, str]) -> str:
    return "\n".join(documents.values())


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_setting_is_documented_with_its_default(
    documents: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for alias in (field.validation_alias for field in Settings.model_fields.values()):
        monkeypatch.delenv(str(alias), raising=False)
    documented = dict(ROW.findall(documents["docs/operating.md"]))
    defaults = Settings(_env_file=None)

    assert set(documented) == {str(field.validation_alias) for field in Settings.model_fields.values()}
    for name, field in Settings.model_fields.items():
        default = getattr(defaults, name)
        text = documented[str(field.validation_alias)]
        if text == "unset":
            assert default in (None, []), name
            continue
        parsed = Settings(_env_file=None, **{str(field.validation_alias): text.strip("`")})
        assert getattr(parsed, name) == default, name


def test_every_command_is_in_the_docs_and_no_other(written: str) -> None:
    names = set(COMMANDS)
    shown = "\n".join(chain(re.findall(r"`[^`\n]+`", written), re.findall(r"```sh.*?\n(.*?)```", written, re.DOTALL)))

    assert set(re.findall(r"\bfacade ([a-z]+)\b", shown)) == names


def test_every_make_target_in_the_docs_exists(root: Path, written: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):(?!=)", (root / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^|… )make ([a-z-]+)", written, re.MULTILINE))

    assert {"serve", "test", "help", "check"} <= named <= targets


def test_every_error_code_of_the_client_is_explained(documents: dict[str, str]) -> None:
    explained = set(re.findall(r"^\| `([A-Z_]+)` \|", documents["docs/using.md"], re.MULTILINE))
    raised = {getattr(butlr, name).code for name in butlr.__all__ if hasattr(getattr(butlr, name), "code")}

    assert len(raised) == 8
    assert raised <= explained
    assert {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "INTERNAL_SERVER_ERROR"} <= explained


def test_every_link_leads_somewhere(root: Path, documents: dict[str, str]) -> None:
    headings = {
        name: {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        for name, text in documents.items()
    }
    followed = 0
    for name, text in documents.items():
        for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
            if target.startswith("https://"):
                continue
            path = (root / name).parent / target if target else root / name
            assert path.exists(), f"{name}: {target}"
            if anchor:
                assert anchor in headings[str(path.resolve().relative_to(root))], f"{name}: {target}#{anchor}"
            followed += 1

    assert followed > 5


def test_the_layers_in_the_docs_are_those_that_are_held(root: Path, documents: dict[str, str]) -> None:
    contract = re.search(r"^layers = \[(.*?)\]", (root / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    assert contract is not None
    held = re.findall(r"facade\.(\w+)", contract[1])

    assert held == re.findall(r"^\| `facade\.(\w+)` \|", documents["docs/architecture.md"], re.MULTILINE)


def test_the_first_query_is_the_first_example(root: Path, documents: dict[str, str]) -> None:
    example = (root / "facade/web/examples/first-look.graphql").read_text()

    assert f"```graphql\n{example}```" in documents["README.md"]
