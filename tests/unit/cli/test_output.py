import csv
import io
import json

import pytest

from facade.cli.failures import WrongUsage
from facade.cli.output import choose, json_text, write_csv, write_tables
from facade.cli.tables import tables


@pytest.fixture
def several():
    return tables({"a": {"data": [{"id": 1, "b": [{"c": 1}], "d": [{"e": 1}]}]}})


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    # A dumb one is 80 wide, and gets no styles.
    monkeypatch.setenv("TERM", "dumb")


def test_a_path_chooses_its_table_and_the_start_of_one_those_below(several):
    assert [table.name for table in choose(several, "a.data.b")] == ["a.data.b"]
    assert [table.name for table in choose(several, "a.data")] == ["a.data"]
    assert [table.name for table in choose(several, "a")] == ["a.data", "a.data.b", "a.data.d"]
    assert choose(several, None) == several


def test_an_unknown_path_names_the_tables_there_are(several):
    with pytest.raises(WrongUsage, match=r"no table 'a\.dat'; it has a\.data, a\.data\.b, a\.data\.d"):
        choose(several, "a.dat")


def test_csv_of_several_tables_names_them(several):
    with pytest.raises(WrongUsage, match=r"choose one with --path: a\.data, a\.data\.b"):
        write_csv(several)


def test_csv_is_rfc_4180(capfdbinary):
    write_csv(tables({"a": [{"x": 'say "hi"', "y": "two\nlines"}, {"x": None, "y": "ä,b"}]}))

    written = capfdbinary.readouterr().out
    assert written == 'x,y\r\n"say ""hi""","two\nlines"\r\n,"ä,b"\r\n'.encode()
    assert list(csv.reader(io.StringIO(written.decode(), newline=""))) == [
        ["x", "y"],
        ['say "hi"', "two\nlines"],
        ["", "ä,b"],
    ]


def test_a_table_lines_its_columns_up_with_numbers_to_the_right(capsys):
    write_tables(tables({"a": [{"name": "会議室", "count": 9}, {"name": "Lab", "count": 10.5}]}))

    assert capsys.readouterr().out.splitlines() == [
        "name    count",
        "──────  ─────",
        "会議室      9",
        "Lab      10.5",
        "(2 rows)",
    ]


def test_what_is_piped_on_is_as_wide_as_it_is(capsys):
    write_tables(tables({"a": [{"x": "x" * 700, "y": 1}]}))

    assert f"{'x' * 700}  1" in capsys.readouterr().out.splitlines()


def test_rows_too_wide_for_a_terminal_are_blocks_of_lines(terminal, capsys):
    write_tables(tables({"a": [{"x": "x" * 70, "long_name": 1}]}))

    assert capsys.readouterr().out.splitlines() == [
        "-- 1",
        f"x          {'x' * 70}",
        "long_name  1",
        "(1 row)",
    ]


def test_a_value_cannot_command_the_terminal(capsys):
    write_tables(tables({"a": [{"x": "\x1b[2J[red]\n"}]}))

    assert "�[2J[red]�" in capsys.readouterr().out


def test_wide_spaces_and_joiners_are_text_and_controls_are_not(capsys):
    write_tables(
        tables({"rooms": [{"name": "会議\u3000室\u00a01 👩\u200d🔬"}, {"name": "a\x1b[2Jb\x9bc\u202ed\x7f\r"}]})
    )
    out = capsys.readouterr().out
    assert "会議\u3000室\u00a01 👩\u200d🔬" in out
    assert "a�[2Jb�c�d��" in out


def test_csv_quotes_what_a_spreadsheet_would_run(capfdbinary):
    write_csv(tables({"rooms": [{"name": "=HYPERLINK(1)", "area": -5}, {"name": "-12", "area": -0.5}]}))
    assert capfdbinary.readouterr().out == b"name,area\r\n'=HYPERLINK(1),-5\r\n-12,-0.5\r\n"


def test_a_terminal_obeys_neither_the_names_of_columns_nor_json(terminal, capsys):
    red = "\x1b[31m\x9b5m\u202e"
    write_tables(tables({"a": {"data": [{"id": 1, "pairs": [{"name": f"n{red}", "value": 2}]}]}}))
    shown = capsys.readouterr().out
    assert "n" in shown
    assert not set(shown) & set("\x1b\x9b\u202e")

    written = json_text({f"é{red}": f"ü{red}"})
    assert not set(written) & set("\x1b\x9b\u202e")
    assert "é" in written
    assert json.loads(written) == {f"é{red}": f"ü{red}"}
