"""`facade sandbox`: the simulated Butlr REST API alone."""

import os
import signal
import sys
import threading
from enum import Enum
from typing import Annotated

import typer

from .serving import address_of, listen, run


class Era(Enum):
    today = "today"
    influx = "influx"


class WebhookAuth(Enum):
    api_key = "api-key"
    basic = "basic"


def sandbox(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 9000,
    sensors: Annotated[int, typer.Option(min=1, help="The number of sensors of the campus.")] = 200,
    latency: Annotated[float, typer.Option(min=0, metavar="MS", help="Milliseconds added to every call.")] = 0,
    fault_rate: Annotated[
        float, typer.Option(min=0, max=1, metavar="R", help="The share of data calls that fail.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="The seed of the random campus and its people.")] = 1,
    era: Annotated[
        Era, typer.Option(help="Butlr's backend for reports: today's, or the one until August 2026.")
    ] = Era.today,
    clock: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The time at the start, in RFC 3339; the clock runs on from there."),
    ] = None,
    webhooks: Annotated[
        str | None, typer.Option(metavar="URL", help="The URL to which events of the campus are posted.")
    ] = None,
    webhook_secret: Annotated[
        str | None,
        typer.Option(metavar="SECRET", envvar="FACADE_WEBHOOK_SECRET", help="The secret that is sent with each event."),
    ] = None,
    webhook_auth: Annotated[
        WebhookAuth, typer.Option(help="How it is sent: as X-API-Key, or as the password of user butlr (Basic).")
    ] = WebhookAuth.api_key,
    until_eof: Annotated[bool, typer.Option("--until-eof", hidden=True)] = False,
) -> None:
    """Run the simulated Butlr REST API. Prints its base URL once it listens."""
    from ..sandbox import SandboxConfig, create_app, read_time

    try:
        starts_at = None if clock is None else read_time(clock)
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="'--clock'") from exc
    if webhooks is not None and not webhooks.startswith(("http://", "https://")):
        raise typer.BadParameter("must be a URL that begins with http:// or https://", param_hint="'--webhooks'")
    app = create_app(
        SandboxConfig(
            sensors=sensors,
            latency_ms=latency,
            fault_rate=fault_rate,
            seed=seed,
            era=era.value,
            starts_at=starts_at,
            webhooks=webhooks,
            webhook_secret=webhook_secret,
            webhook_auth=webhook_auth.value,
        )
    )
    listener = listen(host, port)
    typer.echo(address_of(listener))
    if until_eof:
        threading.Thread(target=_end_at_eof, daemon=True).start()
    run(app, listener, grace=1)


def _end_at_eof() -> None:
    """Stop at the end of stdin, which comes when the writing process ends in any way."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
