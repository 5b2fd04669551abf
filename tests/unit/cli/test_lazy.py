"""Help imports only what it needs. Modules are counted, since times depend on the machine."""

import subprocess
import sys
from importlib import import_module

import pytest

from facade.cli.app import run
from facade.cli.lazy import COMMANDS

# Typer reads options by pydantic.
HEAVY = {"strawberry", "graphql", "aiohttp", "httpx", "redis", "rich", "asyncio", "starlette", "uvicorn"}


def imported(*args):
    code = f"import sys\nfrom facade.cli.app import run\nrun({list(args)!r})\nprint('MODULES', *sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=180)
    return ended.stdout.rpartition("MODULES ")[2].split()


@pytest.mark.parametrize("args", [["--help"], [], ["fly"]])
def test_help_imports_nothing_heavy(args):
    modules = imported(*args)
    assert [name for name in modules if name in HEAVY] == []
    own = [name for name in modules if name.startswith("facade")]
    assert sorted(own) == ["facade", "facade.cli", "facade.cli.app", "facade.cli.failures", "facade.cli.lazy"]


def test_the_help_of_one_command_imports_no_other():
    modules = set(imported("translate", "--help"))
    assert not {"strawberry", "aiohttp", "redis"} & modules
    assert not {"facade.cli.serve", "facade.cli.query"} & modules


@pytest.mark.parametrize("name", COMMANDS)
def test_help_lists_what_each_command_says_of_itself(name, capsys):
    module = import_module(f"facade.cli.{name}")
    group = getattr(module, "app", None)
    said = group.info.help if group else getattr(module, name).__doc__
    assert " ".join((said or "").partition("\n\n")[0].split()) == COMMANDS[name]
    assert run([name, "--help"]) == 0
    assert COMMANDS[name].split(". ")[0] in " ".join(capsys.readouterr().out.split())
