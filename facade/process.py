"""Log the start and the end of a process, and run its background work."""

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
        # In a thread, since it waits for the exporters.
        await asyncio.to_thread(tracer.close)


def say(settings: Settings, event: str) -> None:
    """Log a start or an end in the JSON log. In other formats `facade serve` prints a greeting instead."""
    if settings.log_format == "json":
        sources = ",".join(settings.assets)
        named = {"version": version("butlr-graphql-facade"), "assets": sources, "workers": settings.workers}
        log.info(event, pid=os.getpid(), **named)


@asynccontextmanager
async def under_way(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run background work while the block runs."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
