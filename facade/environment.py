"""Check the names of settings in the environment and a `.env` file before settings are read.

An unknown name is usually a typing error. It stops the start, since the facade would run without what its operator
meant.
"""

import difflib
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from dotenv import dotenv_values

PREFIX = "FACADE_"
# Names that are no settings: set by Kubernetes for each Service named `facade`, or for clients in our docs.
_OF_OTHERS = re.compile(r"FACADE_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_(?:TCP|UDP)(?:_\w+)?|URL|KEY|SCREENSHOT)")


class UnreadableEnv(ValueError):  # noqa: N818 - named for what happened
    """The `.env` file cannot be read. The message is one line that says what to do."""


def names_in(path: Path) -> list[str]:
    """Return the names in a `.env` file; none without a file. Raises `UnreadableEnv`."""
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
    """Return a message about the first name that begins like a setting and is unknown; None if there is none."""
    for name in names:
        if name.upper().startswith(PREFIX) and name.upper() not in known and not _OF_OTHERS.fullmatch(name.upper()):
            near = difflib.get_close_matches(name.upper(), known, n=1)
            return f"{name}: there is no such setting.{f' Did you mean {near[0]}?' if near else ''}"
    return None
