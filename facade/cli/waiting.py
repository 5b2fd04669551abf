"""A progress bar on stderr while upstream calls are running."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def waiting() -> Iterator[Callable[[int], None] | None]:
    """Yield a function to call with the number of calls made so far; None if stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        # The total is not known before the last answer.
        task = progress.add_task("starting", total=None)

        def called(calls: int) -> None:
            progress.update(task, description=f"{calls} {'call' if calls == 1 else 'calls'} upstream")

        yield called
