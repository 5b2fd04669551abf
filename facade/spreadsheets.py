"""CSV that spreadsheets open: a cell of text that they would run as a formula is quoted."""

import re
from typing import TypeVar

Cell = TypeVar("Cell")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")


def unformulated(cell: Cell) -> Cell | str:
    """A cell as it is, text that begins like a formula behind an apostrophe (OWASP, CSV injection).

    Numbers stay numbers, as text too.
    """
    if isinstance(cell, str) and cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
