"""Settings, as the commands use them."""

import os
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
