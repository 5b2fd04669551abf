"""Write tables to stdout, for a person, as CSV, or as Arrow and Parquet."""

import csv
import io
import json
import shutil
import sys
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from ..spreadsheets import unformulated
from .failures import Failure, WrongUsage
from .tables import Path, Table, text

if TYPE_CHECKING:
    from rich.console import Console

GAP = "  "
# Unicode categories that are removed: controls, surrogates, and line and paragraph separators.
_OBEYED = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


# Most rows of a table that are printed, unless all are asked for: half from its beginning and half from its end.
MOST_ROWS = 100


@contextmanager
def written_to(file: File | None) -> Iterator[None]:
    """Redirect stdout to a file, if one is given, while the block runs. Raises `Failure` if it cannot be written."""
    if file is None:
        yield
        return
    try:
        with file.open("w", encoding="utf-8", newline="") as opened, redirect_stdout(opened):
            yield
    except OSError as exc:
        raise Failure(f"Cannot write {file}: {exc.strerror}.") from exc


def write_plot(data: Mapping[str, Any] | None, *, everything: bool = False) -> None:
    """Draw each series of an answer in the width of the terminal."""
    from .drawing import draw, series_of

    width = shutil.get_terminal_size().columns
    for line in draw([*series_of(data)], width, everything=everything):
        print(line)


def choose(tables: Sequence[Table], path: str | None) -> list[Table]:
    """Return the tables at or below `path`. Raises `WrongUsage` if there is none."""
    if path is None:
        return list(tables)
    exactly = [table for table in tables if table.name == path]
    below = [table for table in tables if table.name.startswith(f"{path}.")]
    if not exactly and not below:
        raise WrongUsage(f"The answer has no table {path!r}; it has {_names(tables) or 'none'}.")
    return exactly or below


def write_csv(tables: Sequence[Table]) -> None:
    """Write one table as CSV (RFC 4180). Raises `WrongUsage` for several tables."""
    if len(tables) > 1:
        raise WrongUsage(f"The answer makes {len(tables)} tables; choose one with --path: {_names(tables)}.")
    written = io.StringIO(newline="")
    for table in tables:
        writer = csv.writer(written)
        writer.writerow(map(unformulated, table.header))
        writer.writerows([_csv_cell(cell) for cell in cells] for cells in table.cells())
    # As bytes, since a text stream would write the platform's line ends.
    sys.stdout.flush()
    sys.stdout.buffer.write(written.getvalue().encode())
    sys.stdout.buffer.flush()


def write_arrow(tables: Sequence[Table], times: Collection[Path], *, parquet: bool) -> None:
    """Write one table as Parquet or as an Arrow stream. `times` are the columns of times.

    Raises `WrongUsage` for several tables, and without pyarrow.
    """
    if len(tables) != 1:
        raise WrongUsage(f"The answer makes {len(tables)} tables; choose one with --path: {_names(tables) or 'none'}.")
    if sys.stdout.isatty():
        raise WrongUsage("This format is binary and cannot be shown on a terminal: pipe it into a file.")
    try:
        from ..export.arrow import table_of, written
    except ImportError as exc:
        raise WrongUsage("This format needs pyarrow: pip install 'butlr-graphql-facade[export]'.") from exc
    [table] = tables
    cells = list(table.cells())
    columns = {name: [row[at] for row in cells] for at, name in enumerate(table.header)}
    # `times` and `values` of a series are columns of points.
    are_times = [path in times or (*path[:-1], f"{path[-1]}s") in times for path in table.columns]
    named = {name for name, is_time in zip(table.header, are_times, strict=True) if is_time}
    sys.stdout.flush()
    sys.stdout.buffer.write(written(table_of(columns, named), parquet=parquet))
    sys.stdout.buffer.flush()


def _csv_cell(cell: Any) -> Any:
    """Return a cell for CSV. Numbers stay numbers; a text from the upstream must not become a formula."""
    return cell if isinstance(cell, int | float) and not isinstance(cell, bool) else unformulated(text(cell))


def write_tables(tables: Sequence[Table], *, everything: bool = True) -> None:
    """Write tables for a person. If one is too wide for the terminal, each row becomes a block of lines.

    Long tables are cut in the middle, unless `everything` is set.
    """
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    for number, table in enumerate(tables):
        if number:
            console.print()
        if len(tables) > 1:
            console.print(_plain(table.name), style="bold")
        header = list(map(_plain, table.header))
        rows = [[_plain(text(cell)) for cell in cells] for cells in table.cells()]
        widths = _widths([header, *rows])
        if console.is_terminal and sum(widths) + len(GAP) * (len(widths) - 1) > console.width:
            _write_records(console, header, rows, _cut(len(rows), everything))
        else:
            _write_aligned(console, table, header, rows, widths, _cut(len(rows), everything))
        console.print(f"({len(rows)} {'row' if len(rows) == 1 else 'rows'})", style="dim")


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


# Not by rich's tables, which take seconds for a few thousand rows.
def _write_aligned(
    console: "Console",
    table: Table,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    cut: range,
) -> None:
    numbers = [_all_numbers(cells) for cells in zip(*table.cells(), strict=True)] or [False] * len(widths)

    def line(cells: Sequence[str]) -> str:
        return GAP.join(map(_padded, cells, widths, numbers)).rstrip()

    console.print(line(header), style="bold")
    console.print(GAP.join("─" * width for width in widths))
    for number, cells in enumerate(rows):
        if number not in cut:
            console.out(line(cells), highlight=False)
        elif number == cut.start:
            _write_count(console, cut)


def _padded(cell: str, width: int, right: bool) -> str:
    from rich.cells import cell_len

    blank = " " * (width - cell_len(cell))
    return blank + cell if right else cell + blank


def _all_numbers(cells: Sequence[Any]) -> bool:
    return all(isinstance(cell, int | float | None) and not isinstance(cell, bool) for cell in cells)


def _write_records(console: "Console", header: Sequence[str], rows: Sequence[Sequence[str]], cut: range) -> None:
    width = max(map(len, header), default=0)
    for number, cells in enumerate(rows, 1):
        if number - 1 in cut:
            if number - 1 == cut.start:
                _write_count(console, cut)
            continue
        console.print(f"-- {number}", style="dim")
        for name, cell in zip(header, cells, strict=True):
            console.out(f"{name:<{width}}{GAP}{cell}", highlight=False)


def _cut(rows: int, everything: bool) -> range:
    """Return the range of the rows that are not printed."""
    return range(0) if everything or rows <= MOST_ROWS else range(MOST_ROWS // 2, rows - MOST_ROWS // 2)


def _write_count(console: "Console", cut: range) -> None:
    console.print(f"… {len(cut)} more rows, shown with --all …", style="dim")


def _plain(value: str) -> str:
    """Remove from a text what a terminal would interpret: control characters, and marks of text direction.

    Wide and non-breaking spaces, and joiners of letters and emoji, stay.
    """
    return "".join("�" if _is_obeyed(char) else char for char in value)


def _is_obeyed(char: str) -> bool:
    return unicodedata.category(char) in _OBEYED or char in _TURNING


def json_text(value: Any, indent: int | None = 2) -> str:
    """Return a value as JSON, with all characters escaped that a terminal would interpret. JSON requires only some."""
    written = json.dumps(value, indent=indent, ensure_ascii=False)
    if written.isascii() and "\x7f" not in written:
        return written
    return "".join(json.dumps(char)[1:-1] if char != "\n" and _is_obeyed(char) else char for char in written)


def _names(tables: Sequence[Table]) -> str:
    return ", ".join(table.name for table in tables)
