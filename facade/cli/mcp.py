"""`facade mcp`: the graph for an assistant on this computer, over standard input and output."""

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

from .configured import configured, settings_put_to_use
from .failures import WrongUsage
from .opened import NO_LOGIN, opened
from .options import Sandbox, Token
from .sandboxed import sandbox_upstream

if TYPE_CHECKING:
    from ..settings import Settings


def mcp(
    token: Token = None,
    sandbox: Sandbox = False,
) -> None:
    """Serve the Model Context Protocol on stdin and stdout. An assistant starts this command."""
    with ExitStack() as stack:
        if sandbox:
            stack.enter_context(sandbox_upstream())
        asyncio.run(_serve(configured(), token))


async def _serve(settings: "Settings", token: str | None) -> None:
    from ..optional_parts import agents_of

    async with opened(settings, token) as (facade, caller):
        with settings_put_to_use():
            agents = agents_of(settings, facade, "facade mcp")
        if caller is None:
            raise WrongUsage(f"{NO_LOGIN}, or try --sandbox.")
        from ..agents.stdio import serve_stdio

        await serve_stdio(agents, facade.opened_services(), caller, within=settings.operation_timeout)
