"""`facade sandbox`: the simulated Butlr REST API alone."""

import os
import signal
import sys
import threading
from typing import Annotated

import typer

from .listening import address_of, listen


def sandbox(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 9000,
    sensors: Annotated[int, typer.Option(min=1, help="How many sensors the campus has.")] = 200,
    latency: Annotated[float, typer.Option(min=0, metavar="MS", help="Added to every call, milliseconds.")] = 0,
    fault_rate: Annotated[
        float, typer.Option(min=0, max=1, metavar="R", help="The share of data calls that fail.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="What the campus and its people are made from.")] = 1,
    until_eof: Annotated[bool, typer.Option("--until-eof", hidden=True)] = False,
) -> None:
    """Run the simulated Butlr REST API. Its base URL is printed once it answers."""
    import uvicorn

    from ..sandbox import SandboxConfig, create_app

    config = SandboxConfig(sensors=sensors, latency_ms=latency, fault_rate=fault_rate, seed=seed)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(config),
            http="httptools",
            loop="uvloop",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    _end_well_on_signals()
    listener = listen(host, port)
    print(address_of(listener), flush=True)
    if until_eof:
        threading.Thread(target=_end_at_eof, daemon=True).start()
    server.run(sockets=[listener])


def _end_well_on_signals() -> None:
    # uvicorn raises the signal that ended it once more, for whoever listened before it: a stop that was asked
    # for is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)


def _exit(*_: object) -> None:
    raise SystemExit(0)


def _end_at_eof() -> None:
    """Wait for the end of stdin, which the parent's end brings however it ends, SIGKILL included."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
