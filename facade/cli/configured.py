"""Settings, as the commands use them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .failures import WrongUsage

if TYPE_CHECKING:
    from ..settings import Settings


def override(**values: object) -> None:
    """Set settings by their names in the environment, which worker processes inherit. None leaves one as it is."""
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
    """Raise `WrongUsage` for what is wrong with a setting and shows only where a part is made from it."""
    from ..settings import SettingsError

    try:
        yield
    except SettingsError as exc:
        raise WrongUsage(str(exc)) from exc
    except ValueError as exc:
        raise WrongUsage(f"A setting is wrong: {exc}.") from exc
