"""A failed start: one line on stderr that says what to do, and no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENV = {name: value for name, value in os.environ.items() if not name.startswith(("FACADE_", "BUTLR_"))}


def facade(*args, cwd, stdout=subprocess.PIPE, **env):
    return subprocess.run(  # noqa: PLW1510 - its code is what is tested
        [sys.executable, "-m", "facade", *args],
        env={**ENV, **env},
        cwd=cwd,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=180,
    )


@pytest.mark.parametrize(
    ("args", "env", "says"),
    [
        (["serve"], {"SSL_CERT_FILE": "nowhere.pem"}, "SSL_CERT_FILE names no file of certificates"),
        (["serve"], {"SSL_CERT_FILE": __file__}, "SSL_CERT_FILE names no file of certificates"),
        (["serve"], {"FACADE_TRUSTED_DOCUMENT": "x"}, "Did you mean FACADE_TRUSTED_DOCUMENTS?"),
        (["serve", "--sandbox", "--host", "0.0.0.0"], {}, "--sandbox serves every caller"),
        (["check"], {"BUTLR_CLIENT_ID": "change-me", "BUTLR_CLIENT_SECRET": "x"}, "BUTLR_CLIENT_ID: it still has"),
    ],
)
def test_one_line_says_what_is_wrong(args, env, says, tmp_path):
    ended = facade(*args, cwd=tmp_path, **env)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert ended.stderr.startswith("facade: ")
    assert ended.stderr.count("\n") == 1


def test_a_full_disk_is_one_line(tmp_path):
    with Path("/dev/full").open("w") as full:
        ended = facade("schema", cwd=tmp_path, stdout=full)
    assert ended.returncode == 1
    assert ended.stderr == "facade: The output cannot be written: No space left on device.\n"
