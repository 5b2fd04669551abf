"""Read files for commands."""

import sys
from pathlib import Path

from .failures import WrongUsage


def read(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig")
        return Path(file).read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise WrongUsage(f"Cannot read {file}: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise WrongUsage(f"{file} is not UTF-8 text.") from exc
