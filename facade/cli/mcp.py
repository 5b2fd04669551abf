"""`facade mcp`: the graph for an assistant on this computer, over standard input and output."""

import asyncio
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from .configured import configured, settings_put_to_use
from .failures import WrongUsage
from .sandboxed import sandbox_upstream

if TYPE_CHECKING:
    from ..settings import Settings


def mcp(
    token: Annotated[
        str | None, typer.Option(envvar="BUTLR_TOKEN", metavar="TOKEN", help="Read with this token.")
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Read a simulated upstream.")] = False,
) -> None:
    """Serve the Model Context Protocol on stdin and stdout. An assistant starts this command."""
    with ExitStack() as stack:
        if sandbox:
            stack.enter_context(sandbox_upstream())
        asyncio.run(_serve(configured(), token))


async def _serve(settings: "Settings", token: str | None) -> None:
    from .. import logs
    from ..auth import Passthrough
    from ..components import Components
    from ..optional_parts import agents_of

    logs.configure(settings.log_format)
    if settings.client_id and settings.client_secret:
        # The process serves only the user, who has the login's secret, so it may use the login.
        settings = settings.model_copy(update={"auth": "service"})
    async with AsyncExitStack() as stack:
        with settings_put_to_use():
            facade = Components(settings)
            agents = agents_of(settings, facade, "facade mcp")
            await stack.enter_async_context(facade.opened())
        caller = Passthrough(token) if token else facade.service
        if caller is None:
            raise WrongUsage(
                "There is no login: set BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET, or BUTLR_TOKEN, or try --sandbox."
            )
        from ..agents.stdio import serve_stdio

        await serve_stdio(agents, facade.opened_services(), caller, within=settings.operation_timeout)
