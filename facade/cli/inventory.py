"""`facade inventory`: the known assets as an inventory file."""

import asyncio
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .configured import configured
from .failures import Failure, WrongUsage

if TYPE_CHECKING:
    from ..assets import Assets
    from ..settings import Settings


class InventoryFormat(StrEnum):
    json = "json"
    yaml = "yaml"


def inventory(
    format_: Annotated[InventoryFormat, typer.Option("--format", help="The output format.")] = InventoryFormat.json,
    token: Annotated[
        str | None, typer.Option(envvar="BUTLR_TOKEN", metavar="TOKEN", help="Read with this token.")
    ] = None,
) -> None:
    """Print the assets known from the configured sources, as an inventory file."""
    from ..assets import dump_inventory, dump_yaml

    lists = dump_inventory(asyncio.run(_assets(configured(), token)))
    text = dump_yaml(lists) if format_ is InventoryFormat.yaml else json.dumps(lists, indent=2, ensure_ascii=False)
    typer.echo(text.rstrip("\n"))


async def _assets(settings: "Settings", token: str | None) -> "Assets":
    from .. import logs
    from ..assets import InventoryError, load_inventory
    from ..auth import Passthrough
    from ..butlr import ButlrError
    from ..components import Components
    from ..upstream import ReadLog

    logs.configure(settings.log_format)
    if settings.assets == ["inventory"] and settings.inventory:
        # A user who can read the inventory file needs no token.
        try:
            return load_inventory(Path(settings.inventory))
        except InventoryError as exc:
            raise WrongUsage(str(exc)) from exc
    if settings.client_id and settings.client_secret:
        # The process serves only the user, who has the login's secret, so it may use the login.
        settings = settings.model_copy(update={"auth": "service"})
    try:
        async with Components(settings).opened() as facade:
            caller = Passthrough(token) if token else facade.service
            if caller is None:
                raise WrongUsage(
                    "There is no login: set BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET, or BUTLR_TOKEN or --token."
                )
            return await facade.opened_services().assets.assets(caller, ReadLog())
    except InventoryError as exc:
        raise WrongUsage(str(exc)) from exc
    except ButlrError as exc:
        raise Failure(str(exc)) from exc
