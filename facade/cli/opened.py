"""The parts of a facade in this process, for the one user of a command."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from .configured import settings_put_to_use

if TYPE_CHECKING:
    from ..auth import Caller
    from ..components import Components
    from ..settings import Settings

NO_LOGIN = "There is no login: set BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET, or BUTLR_TOKEN or --token"


@asynccontextmanager
async def opened(
    settings: "Settings", token: str | None, *, packed_from: int | None = None
) -> "AsyncIterator[tuple[Components, Caller | None]]":
    """Open the parts, and yield them with their user; None if there is neither a token nor a login."""
    from .. import logs
    from ..auth import Passthrough
    from ..butlr import PACKED_FROM
    from ..components import Components

    logs.configure(settings.log_format)
    if settings.client_id and settings.client_secret:
        # The process serves only the user, who has the login's secret, so it may use the login.
        settings = settings.model_copy(update={"auth": "service"})
    async with AsyncExitStack() as stack:
        with settings_put_to_use():
            components = Components(settings, packed_from=packed_from or PACKED_FROM)
            facade = await stack.enter_async_context(components.opened())
        yield facade, Passthrough(token) if token else facade.service
