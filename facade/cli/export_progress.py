"""The progress of an export on stderr: calls, rows, rows per second and the remaining time."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """Shown only on a terminal. Otherwise one line is printed at the end."""

    def __init__(self, bar: "Bar | None") -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None) if bar else None
        self._began = time.monotonic()
        self._waits_until = 0.0
        self.calls = 0
        self.rows = 0

    def expect(self, pieces: int) -> None:
        if self._bar and self._task is not None:
            self._bar.update(self._task, total=pieces)

    def called(self, calls: int) -> None:
        self.calls = calls
        self._show()

    def came(self, rows: int) -> None:
        self.rows += rows
        self._show(advance=1)

    def waits(self, seconds: float) -> None:
        """Print one line for all pieces that wait at the same time."""
        now = time.monotonic()
        if now < self._waits_until:
            return
        self._waits_until = now + seconds
        self.say(f"Butlr's rate limit is reached; waiting {seconds:.0f} s.")

    def say(self, line: str) -> None:
        if self._bar:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            typer.echo(line, err=True)

    def summary(self) -> str:
        seconds = max(time.monotonic() - self._began, 0.001)
        calls = f"{self.calls:,} {'call' if self.calls == 1 else 'calls'}"
        return f"{self.rows:,} rows, {calls}, {self.rows / seconds:,.0f} rows/s"

    def _show(self, advance: int = 0) -> None:
        if self._bar and self._task is not None:
            self._bar.update(self._task, advance=advance, description=self.summary())


@contextmanager
def progress() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(file=sys.stderr)
    if not console.is_terminal:
        shown = Progress(None)
        yield shown
    else:
        columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        with Bar(*columns, console=console, transient=True) as bar:
            shown = Progress(bar)
            yield shown
    typer.echo(shown.summary(), err=True)
