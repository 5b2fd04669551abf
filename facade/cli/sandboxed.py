"""Run the sandbox as a child process, and set it as the upstream."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from ..web.demo import DEMO
from .configured import configured, override
from .failures import Failure

DEMO_USER, DEMO_PASSWORD = DEMO["username"], DEMO["password"]
DEMO_CLIENT, DEMO_SECRET = DEMO["client_id"], DEMO["client_secret"]

# Seconds until a stopping sandbox is killed. It gives its last requests one second.
STOP_WITHIN = 5.0


@contextmanager
def sandbox_upstream() -> Iterator[None]:
    """Run a sandbox on a free loopback port and point the settings to it. Raises `Failure` if it does not start.

    The child reads a pipe that only this process can write to, so that it ends with this process, even after SIGKILL.
    It has its own session, so that Ctrl-C does not stop it while requests are still running.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", "facade", "sandbox", "--port", "0", "--until-eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    held, said = cast(IO[str], child.stdin), cast(IO[str], child.stdout)
    try:
        url = said.readline().strip()
        if not url:
            raise Failure("The sandbox did not start. Its message above says why.")
        _point_to(url)
        yield
    finally:
        held.close()
        said.close()
        try:
            child.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _point_to(url: str) -> None:
    """Set the settings of a facade before the sandbox, and the source of assets unless the operator has set it."""
    from ..butlr import REFRESH_PATH

    override(
        BUTLR_BASE_URL=url,
        BUTLR_CLIENT_ID=DEMO_CLIENT,
        BUTLR_CLIENT_SECRET=DEMO_SECRET,
        BUTLR_REFRESH_PATH=REFRESH_PATH,
        FACADE_AUTH="passthrough",
        FACADE_SANDBOX_DEMO="true",
        # A proxy cannot reach this machine's loopback.
        no_proxy=",".join(filter(None, (os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1"))),
    )
    if "assets" not in configured().model_fields_set:
        override(FACADE_ASSETS="native,discovery")
