"""Settings, and the errors about wrong ones."""

import os

import pytest

from facade.settings import Settings, SettingsError, load


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):

    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("FACADE_", "BUTLR_")):
            monkeypatch.delenv(name)


def refusal():
    with pytest.raises(SettingsError) as caught:
        load()
    message = str(caught.value)
    assert "\n" not in message
    assert "Value error" not in message
    return message


@pytest.mark.parametrize("name", ["FACADE_PORT", "FACADE_WORKERS", "FACADE_AUTH", "FACADE_GRAPHIQL", "BUTLR_BASE_URL"])
def test_what_is_empty_is_unset(name, monkeypatch, tmp_path):
    monkeypatch.setenv(name, "")
    assert load() == Settings(_env_file=None)
    monkeypatch.delenv(name)
    (tmp_path / ".env").write_text(f"{name}=\n")
    assert load() == Settings(_env_file=None)


@pytest.mark.parametrize(
    ("name", "near"), [("FACADE_CACHE_URI", "FACADE_CACHE_URL"), ("FACADE_WORKER", "FACADE_WORKERS")]
)
def test_a_name_that_nothing_reads_stops_the_start(name, near, monkeypatch, tmp_path):
    monkeypatch.setenv(name, "x")
    assert refusal() == f"{name}: there is no such setting. Did you mean {near}?"
    monkeypatch.delenv(name)
    (tmp_path / ".env").write_text(f"{name}=x\n")
    assert refusal().startswith(f"{name}: ")


@pytest.mark.parametrize("name", ["FACADE_SERVICE_HOST", "FACADE_PORT_80_TCP_ADDR", "FACADE_URL", "OTHER_FACADE"])
def test_what_others_set_is_none_of_ours(name, monkeypatch):
    monkeypatch.setenv(name, "x")
    load()


@pytest.mark.parametrize("name", ["BUTLR_CLIENT_SECRET", "FACADE_API_KEYS", "FACADE_CACHE_URL"])
@pytest.mark.parametrize("value", ["change-me", "CHANGEME", "redis://:change_me@cache:6379/0"])
def test_a_placeholder_of_the_examples_is_refused(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    message = refusal()
    assert message.startswith(f"{name}: ")
    assert "placeholder" in message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_an_env_file_in_another_encoding_is_one_line(encoding, tmp_path):
    (tmp_path / ".env").write_bytes("BUTLR_CLIENT_ID=küche\n".encode(encoding))
    assert refusal().startswith(".env: not text in UTF-8")


def test_an_env_file_that_cannot_be_read_is_one_line(tmp_path):
    # Of any user: this memory has no first page.
    (tmp_path / ".env").symlink_to("/proc/self/mem")
    assert refusal() == ".env: Input/output error; let this user read it, or remove it"


def test_an_env_file_with_a_mark_is_read(tmp_path):
    (tmp_path / ".env").write_bytes("FACADE_PORT=8123\n".encode("utf-8-sig"))
    assert load().port == 8123


def test_a_host_in_brackets_is_an_address(monkeypatch):
    monkeypatch.setenv("FACADE_HOST", "[::1]")
    assert load().host == "::1"


def test_a_sandbox_that_listens_to_all_names_what_was_set(monkeypatch):
    for name, value in {"FACADE_SANDBOX_DEMO": "true", "BUTLR_CLIENT_ID": "a", "BUTLR_CLIENT_SECRET": "b"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FACADE_HOST", "0.0.0.0")
    with pytest.raises(SettingsError) as caught:
        load().require_safe_host()
    assert "--sandbox" in str(caught.value)
    assert "FACADE_AUTH" not in str(caught.value)
