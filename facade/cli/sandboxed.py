"""The sandbox as a child process, and the settings that put it upstream."""

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

# Seconds. The sandbox gives its last requests one.
STOP_WITHIN = 5.0


@contextmanager
def sandbox_upstream() -> Iterator[None]:
    """Run a sandbox on a free loopback port and point the settings to it. Raises `Failure` if it does not start.

    The child reads a pipe that this process alone can write to and ends with it, even after SIGKILL. A session
    of its own keeps Ctrl-C from it, so that requests under way can still be answered.
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
            raise Failure("The sandbox did not start; what it wrote above says why.")
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
    """Set what a facade in front of the sandbox needs, and where assets come from unless the operator said it."""
    from ..butlr import REFRESH_PATH

    override(
        BUTLR_BASE_URL=url,
        BUTLR_CLIENT_ID=DEMO_CLIENT,
        BUTLR_CLIENT_SECRET=DEMO_SECRET,
        BUTLR_REFRESH_PATH=REFRESH_PATH,
        FACADE_AUTH="passthrough",
        FACADE_SANDBOX_DEMO="true",
        # A proxy for everything else has no way to this machine's loopback.
        no_proxy=",".join(filter(None, (os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1"))),
    )
    if "assets" not in configured().model_fields_set:
        override(FACADE_ASSETS="native,discovery")
