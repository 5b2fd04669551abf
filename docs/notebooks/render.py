"""Run the notebooks and write their outputs: `python docs/notebooks/render.py URL`.

Each notebook is run with the facade at URL, and written back with its outputs, as Markdown, and with its pictures.
"""

import base64
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
PATIENCE = 120


def notebooks() -> list[Path]:
    return sorted(FOLDER.glob("*.ipynb"))


def executed(path: Path) -> Any:
    """Return the notebook with new outputs. Raises `CellExecutionError`."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata = {}
    NotebookClient(notebook, timeout=PATIENCE, record_timing=False, resources={"metadata": {"path": FOLDER}}).execute()
    # The Python version does not belong into the file.
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    return notebook


def rendered(notebook: Any, name: str) -> tuple[str, dict[str, bytes]]:
    """Return the notebook as Markdown, and its pictures by file name."""
    pictures: dict[str, bytes] = {}
    parts = [part for cell in notebook.cells for part in _parts(cell, name, pictures)]
    return "\n\n".join(parts) + "\n", pictures


def _parts(cell: Any, name: str, pictures: dict[str, bytes]) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield cell.source
        return
    yield f"```python\n{cell.source}\n```"
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            file = f"{name}-{len(pictures) + 1}.png"
            pictures[file] = base64.b64decode(data["image/png"])
            yield f"![]({file})"
        elif text := output.get("text") or data.get("text/plain"):
            yield f"```text\n{text.rstrip()}\n```"


def main(url: str) -> None:
    os.environ["FACADE_URL"] = url
    for path in notebooks():
        notebook = executed(path)
        nbformat.write(notebook, path)
        text, pictures = rendered(notebook, path.stem)
        path.with_suffix(".md").write_text(text)
        for name, content in pictures.items():
            (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main(sys.argv[1])
