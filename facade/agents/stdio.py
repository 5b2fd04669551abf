"""MCP over standard input and output, for an assistant on the same computer."""

from typing import Any

from mcp.server.stdio import stdio_server

from ..auth import Caller
from ..loaders import Services
from .asking import Asker
from .server import Agents, agents_services


async def serve_stdio(agents: Agents, services: Services, caller: Caller, *, within: float | None = None) -> None:
    """Serve one assistant until it closes stdin. The user who runs the process is the caller."""
    own = agents_services(services)

    def asker(_context: Any) -> Asker:
        return Asker(agents.engine, own, caller, "mcp", timeout=within)

    server = agents.server(asker)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
