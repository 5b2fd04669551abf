"""Read and override settings for commands."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .failures import WrongUsage

if TYPE_CHECKING:
    from ..settings import Settings


def override(**values: object) -> None:
    """Set settings in the environment, which worker processes inherit. None leaves a setting unchanged."""
    os.environ.update({name: str(value) for name, value in values.items() if value is not None})


def configured() -> "Settings":
    """Return the settings. Raises `WrongUsage` for a wrong one."""
    from ..settings import SettingsError, load

    try:
        return load()
    except SettingsError as exc:
        raise WrongUsage(str(exc)) from exc


@contextmanager
def settings_put_to_use() -> Iterator[None]:
    """Turn errors from building parts into `WrongUsage`: some faults of settings are found only then."""
    from ..settings import SettingsError

    try:
        yield
    except SettingsError as exc:
        raise WrongUsage(str(exc)) from exc
    except ValueError as exc:
        raise WrongUsage(f"A setting is wrong: {exc}.") from exc
