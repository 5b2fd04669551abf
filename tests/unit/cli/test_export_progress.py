"""The progress messages of an export."""

import io
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress as Bar

from facade.cli.export_progress import Progress


def test_the_bar_has_calls_rows_and_how_far_it_is() -> None:
    bar = Bar(console=Console(file=io.StringIO(), force_terminal=True))
    shown = Progress(bar)
    shown.expect(4)
    shown.called(1)
    shown.came(1200)
    [task] = bar.tasks
    assert (task.completed, task.total) == (1, 4)
    assert task.description.startswith("1,200 rows, 1 call, ")
    shown.called(2)
    assert "2 calls" in task.description


def test_a_wait_is_said_once_for_all_who_wait(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress(None)
    for _ in range(4):
        shown.waits(30)
    said: Any = capsys.readouterr()
    assert said.err.count("waiting 30 s") == 1
    assert shown.summary().startswith("0 rows, 0 calls")
