"""What a process does at its start and its end, and beside its requests."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from . import tracing
from .settings import Settings

if TYPE_CHECKING:
    pass
from .optional_parts import log


async def close_tracer() -> None:
    if tracer := tracing.tracer():
        # It waits for what it exports to.
        await asyncio.to_thread(tracer.close)


def say(settings: Settings, event: str) -> None:
    """A start or an end, for whoever collects the log. A person at a terminal sees the greeting."""
    if settings.log_format == "json":
        sources = ",".join(settings.assets)
        named = {"version": version("butlr-graphql-facade"), "assets": sources, "workers": settings.workers}
        log.info(event, pid=os.getpid(), **named)


@asynccontextmanager
async def under_way(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run what goes on beside the requests, and stop it with them."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
