"""Write the rows of large answers as JSON in steps."""

import asyncio
from typing import Any

import msgspec

# Records that are projected, and bytes that are written, in one step of a few milliseconds on the event loop.
ROWS_AT_ONCE = 3000
BYTES_AT_ONCE = 512 * 1024


def rows_in(made: Any) -> int:
    """Count a projected record and the records in its lists."""
    values = made.values() if isinstance(made, dict) else () if made is None else msgspec.structs.astuple(made)
    return 1 + sum(len(value) for value in values if type(value) is list)


async def encoded(made: list[Any]) -> bytes:
    """Write the records as JSON, in steps."""
    parts: list[bytes] = []
    size = 0
    for record in made:
        parts.append(msgspec.json.encode(record))
        size += len(parts[-1])
        if size >= BYTES_AT_ONCE:
            size = 0
            await asyncio.sleep(0)
    if not parts:
        return b"[]"
    parts[0] = b"[" + parts[0]
    parts[-1] += b"]"
    joined = b",".join(parts)
    if len(joined) >= BYTES_AT_ONCE:
        # The answer is written around it in another step.
        await asyncio.sleep(0)
    return joined
