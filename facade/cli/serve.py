"""`facade serve`: run the facade."""

import asyncio
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from .configured import configured, override, settings_put_to_use
from .failures import WrongUsage
from .sandboxed import DEMO_CLIENT, DEMO_PASSWORD, DEMO_SECRET, DEMO_USER, sandbox_upstream
from .serving import address_of, listen, run

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from ..settings import Settings


def serve(
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Use a simulated upstream; no account is needed.")] = False,
    host: Annotated[str | None, typer.Option(help="The address to listen on (FACADE_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port (FACADE_PORT); 0 takes a free one.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="The number of processes (FACADE_WORKERS).")] = None,
) -> None:
    """Serve the GraphQL API."""
    override(FACADE_HOST=host, FACADE_PORT=port, FACADE_WORKERS=workers)
    with ExitStack() as stack:
        if sandbox:
            _check_host(configured().model_copy(update={"demo": True}))
            stack.enter_context(sandbox_upstream())
        settings = configured()
        app = _checked_app(settings)
        listener = stack.enter_context(listen(settings.host, settings.port))
        if settings.log_format == "text":
            _greet(settings, address_of(listener), sandbox=sandbox)
        run(
            app if settings.workers == 1 else "facade.cli.serving:worker_app",
            listener,
            workers=settings.workers,
        )


def _check_host(settings: "Settings") -> None:
    """Raise `WrongUsage` if anyone who can reach the facade could use its login."""
    from ..settings import SettingsError

    try:
        settings.require_safe_host()
    except SettingsError as exc:
        raise WrongUsage(str(exc)) from exc


def _checked_app(settings: "Settings") -> "Starlette":
    """Make the app and open its parts once, so that a fault is one line. In a worker it would be a traceback."""
    from ..app import create_app
    from ..components import Components
    from ..settings import SettingsError

    _check_host(settings)

    async def open_and_close() -> None:
        async with Components(settings).opened():
            pass

    try:
        app = create_app(settings)
        with settings_put_to_use():
            asyncio.run(open_and_close())
    except OSError as exc:
        raise WrongUsage(
            f"{exc.filename or 'A file'}: {exc.strerror or exc}. Check the setting that names it."
        ) from exc
    except SettingsError as exc:
        raise WrongUsage(str(exc)) from exc
    return app


def _greet(settings: "Settings", url: str, *, sandbox: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from ..web.graphiql import is_built

    lines = Table.grid(padding=(0, 2))
    lines.add_row("[bold]GraphiQL[/]" if settings.graphiql and is_built() else "[bold]GraphQL[/]", f"{url}/graphql")
    lines.add_row("[bold]upstream[/]", f"{settings.base_url} (sandbox)" if sandbox else settings.base_url)
    if sandbox:
        lines.add_row("[bold]user[/]", f"{DEMO_USER} / {DEMO_PASSWORD}")
        lines.add_row("[bold]client[/]", f"{DEMO_CLIENT} / {DEMO_SECRET}")
    # The facade serves even if stderr is closed.
    with suppress(OSError):
        Console(stderr=True, highlight=False, soft_wrap=True).print(lines)
