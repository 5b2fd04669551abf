import subprocess
import sys

import pytest
import structlog

from facade.cli import sandboxed
from facade.cli.app import run
from facade.sandbox.auth import CLIENTS, USERS


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("BUTLR_CLIENT_ID", "BUTLR_CLIENT_SECRET", "BUTLR_TOKEN", "BUTLR_BASE_URL", "FACADE_AUTH"):
        monkeypatch.delenv(name, raising=False)
    yield
    # Commands send the log to stderr, which is this test's alone.
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["fly"], "No such command 'fly'"),
        (["serve", "--fast"], "No such option: --fast"),
        (["serve", "--port", "high"], "'--port'"),
        (["serve", "--port", "70000"], "'--port'"),
        (["sandbox", "--fault-rate", "2"], "'--fault-rate'"),
        (["query"], "Missing argument 'FILE|-'"),
        (["query", "nowhere.graphql"], "Cannot read nowhere.graphql: No such file or directory."),
        (["query", "{tmp}"], "Cannot read"),
        (["query", "q", "--format", "xml"], "'--format'"),
        (["query", "q", "--format", "json", "--path", "a"], "--path chooses a table"),
        (["query", "q", "--variables", "{"], "--variables is not JSON"),
        (["query", "q", "--variables", "[]"], "--variables must be a JSON object"),
        (["query", "q", "--variables", "@none.json"], "Cannot read none.json"),
        (["query", "q"], "There is no login: set BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET"),
        (["check"], "There are no credentials"),
    ],
)
def test_wrong_usage_is_one_line_on_stderr_and_exit_code_2(args, says, capsys, tmp_path):
    (tmp_path / "q").write_text("{ sensors { data { id } } }")

    assert run([arg.replace("{tmp}", str(tmp_path)) for arg in args]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.startswith("facade: ")
    assert err.count("\n") == 1


def test_without_a_command_the_help_is_shown(capsys):
    assert run([]) == 0
    assert "sandbox" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "name", "value", "says"),
    [
        ([], "BUTLR_BASE_URL", "api.butlr.io", "BUTLR_BASE_URL: "),
        ([], "BUTLR_BASE_URL", "http://me:secret@localhost", "BUTLR_BASE_URL: write it without a user"),
        (["--host", "0.0.0.0"], "FACADE_AUTH", "service", "FACADE_API_KEYS"),
        ([], "FACADE_CACHE_URL", "memcached://:secret@localhost", "cache URL"),
        (["--host", "nowhere.invalid"], "FACADE_AUTH", "passthrough", "'nowhere.invalid' is not an address"),
    ],
)
def test_serve_says_in_one_line_what_setting_is_wrong(args, name, value, says, monkeypatch, capsys):
    for kept, was in {
        "FACADE_HOST": "127.0.0.1",
        "FACADE_GRAPHIQL": "false",
        "BUTLR_CLIENT_ID": "id",
        "BUTLR_CLIENT_SECRET": "secret",
        name: value,
    }.items():
        monkeypatch.setenv(kept, was)

    assert run(["serve", *args]) == 2

    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1
    assert "secret" not in err


def test_a_wrong_setting_is_named(monkeypatch, capsys):
    monkeypatch.setenv("FACADE_PORT", "high")

    assert run(["schema"]) == 2
    assert capsys.readouterr().err.startswith("facade: FACADE_PORT: ")


def test_a_setting_that_only_its_use_shows_wrong_is_no_traceback(monkeypatch, capsys):
    monkeypatch.setenv("BUTLR_BASE_URL", "http://butlr.test")
    monkeypatch.setenv("HTTP_PROXY", "socks5://me:secret@localhost:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    assert run(["check", "--token", "t"]) == 2
    err = capsys.readouterr().err
    assert "proxy" in err
    assert "secret" not in err


def test_the_commands_come_up_without_what_they_do_not_need():
    heavy = {"aiohttp", "strawberry", "uvicorn", "graphql", "pydantic_settings", "cryptography", "httpx"}
    code = "import sys, facade.cli; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert heavy & set(loaded.split()) == set()


def test_the_demo_accounts_told_are_the_sandbox_s_own():
    assert USERS[sandboxed.DEMO_USER].password == sandboxed.DEMO_PASSWORD
    assert CLIENTS[sandboxed.DEMO_CLIENT].client_secret == sandboxed.DEMO_SECRET
