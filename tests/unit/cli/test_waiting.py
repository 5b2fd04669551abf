import pytest

from facade.cli.waiting import waiting


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_sees_how_many_calls_were_made(terminal, capsys):
    with waiting() as called:
        called(1)
        called(2)

    out, err = capsys.readouterr()
    assert "2 calls upstream" in err
    assert out == ""


def test_a_pipe_sees_nothing(capsys, monkeypatch):
    for name in ("TTY_COMPATIBLE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    with waiting() as called:
        assert called is None

    assert capsys.readouterr().err == ""
