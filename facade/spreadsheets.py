"""Protect CSV for spreadsheets: a text cell that they would run as a formula gets an apostrophe."""

import re
from typing import TypeVar

Value = TypeVar("Value")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")


def unformulated(cell: Value) -> Value | str:
    """Return a cell, with an apostrophe before a text that begins like a formula (OWASP, CSV injection).

    Numbers are unchanged, also as text.
    """
    if isinstance(cell, str) and cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
