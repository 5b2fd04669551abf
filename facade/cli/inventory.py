"""`facade inventory`: the known assets as an inventory file."""

import asyncio
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .configured import configured
from .failures import Failure, WrongUsage
from .opened import NO_LOGIN, opened
from .options import Token

if TYPE_CHECKING:
    from ..assets import Assets
    from ..settings import Settings


class InventoryFormat(StrEnum):
    json = "json"
    yaml = "yaml"


def inventory(
    format_: Annotated[InventoryFormat, typer.Option("--format", help="The output format.")] = InventoryFormat.json,
    token: Token = None,
) -> None:
    """Print the assets known from the configured sources, as an inventory file."""
    from ..assets import dump_inventory, dump_yaml

    lists = dump_inventory(asyncio.run(_assets(configured(), token)))
    text = dump_yaml(lists) if format_ is InventoryFormat.yaml else json.dumps(lists, indent=2, ensure_ascii=False)
    typer.echo(text.rstrip("\n"))


async def _assets(settings: "Settings", token: str | None) -> "Assets":
    from ..assets import InventoryError, load_inventory
    from ..butlr import ButlrError
    from ..upstream import ReadLog

    if settings.assets == ["inventory"] and settings.inventory:
        # A user who can read the inventory file needs no token.
        try:
            return load_inventory(Path(settings.inventory))
        except InventoryError as exc:
            raise WrongUsage(str(exc)) from exc
    try:
        async with opened(settings, token) as (facade, caller):
            if caller is None:
                raise WrongUsage(f"{NO_LOGIN}.")
            return await facade.opened_services().assets.assets(caller, ReadLog())
    except InventoryError as exc:
        raise WrongUsage(str(exc)) from exc
    except ButlrError as exc:
        raise Failure(str(exc)) from exc
