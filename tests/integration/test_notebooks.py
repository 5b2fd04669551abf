"""The notebooks of the docs can be run, and their Markdown is up to date."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "docs/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def render() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render", FOLDER / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def whole(launch: Any, sandbox_process: Any) -> Any:
    """A facade that knows time zones and capacities, from the native API."""
    return launch.facade(sandbox_process.url, FACADE_ASSETS="native,discovery")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, render: ModuleType, whole: Any, token: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("FACADE_URL", whole.url)
    monkeypatch.setenv("BUTLR_TOKEN", token)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    kinds = [[output.output_type for output in cell.get("outputs", ())] for cell in render.executed(path).cells]
    # As in the docs: no warning has come, and no picture is missing.
    assert kinds == [
        [output.output_type for output in cell.get("outputs", ())] for cell in nbformat.read(path, as_version=4).cells
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_docs_show_a_notebook_as_it_is(path: Path, render: ModuleType) -> None:
    text, pictures = render.rendered(nbformat.read(path, as_version=4), path.stem)
    assert path.with_suffix(".md").read_text() == text
    assert pictures
    assert all((FOLDER / name).read_bytes() == content and len(content) < 40_000 for name, content in pictures.items())


def test_there_are_two() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["meeting-rooms", "week-of-a-building"]
