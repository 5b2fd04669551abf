"""The names that the environment and a `.env` file give settings, checked before they are read.

A name that nothing reads is most often a slip of the pen, and a facade that starts without what its operator meant is
worse than one that does not start.
"""

import difflib
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from dotenv import dotenv_values

PREFIX = "FACADE_"
# What others set: Kubernetes for each Service named `facade`, and our own docs for clients of a facade.
_OF_OTHERS = re.compile(r"FACADE_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_(?:TCP|UDP)(?:_\w+)?|URL|KEY|SCREENSHOT)")


class UnreadableEnv(ValueError):  # noqa: N818 - named for what happened
    """The `.env` file cannot be read; the message is one line that says what to do."""


def names_in(path: Path) -> list[str]:
    """The names in a `.env` file; none where there is no file. Raises `UnreadableEnv`."""
    if not path.is_file():
        return []
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as exc:
        raise UnreadableEnv(f"{path}: {exc.strerror}; let this user read it, or remove it") from exc
    except UnicodeDecodeError as exc:
        raise UnreadableEnv(f"{path}: not text in UTF-8; save it as UTF-8") from exc
    if "\0" in text:
        raise UnreadableEnv(f"{path}: not text in UTF-8 (UTF-16?); save it as UTF-8")
    return list(dotenv_values(path, encoding="utf-8-sig"))


def unknown(names: Iterable[str], known: Collection[str]) -> str | None:
    """What to say of the first name that begins as a setting does and is none; None where there is no such name."""
    for name in names:
        if name.upper().startswith(PREFIX) and name.upper() not in known and not _OF_OTHERS.fullmatch(name.upper()):
            near = difflib.get_close_matches(name.upper(), known, n=1)
            return f"{name}: there is no such setting.{f' Did you mean {near[0]}?' if near else ''}"
    return None
