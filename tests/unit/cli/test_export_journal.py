"""The journal of an export: only complete records are read back."""

from array import array
from datetime import UTC, datetime
from pathlib import Path

import pytest

from facade.cli.export_journal import Journal
from facade.cli.failures import WrongUsage
from facade.export import REPORT, RowRun
from facade.series import ReportQuery, resolve_report

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ACCOUNT = {"upstream": "https://butlr.test", "organization": "client_a"}


def piece(day: int) -> ReportQuery:
    body = {"filter": {"start": f"2026-05-{day:02}T00:00:00Z", "stop": f"2026-05-{day + 1:02}T00:00:00Z"}}
    return resolve_report(body, NOW)


def runs(value: float) -> list[RowRun]:
    texts = tuple("é" if name == "room_name" else None for name in REPORT.texts)
    times = (array("q", [1, 2]), array("q", [0, 1]))
    return [
        RowRun(texts, times, (array("d", [value, -value]),)),
        RowRun(texts, (array("q"), array("q")), (array("d"),)),
    ]


def test_what_was_kept_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    with Journal.of(file, ACCOUNT) as journal:
        journal.keep(piece(1), runs(1.5))
        journal.keep(piece(2), [])
        assert journal.runs(piece(1)) == runs(1.5)
    with Journal.of(file, ACCOUNT) as journal:
        assert (journal.runs(piece(1)), journal.runs(piece(2))) == (runs(1.5), [])
        assert not journal.has(piece(3))
        assert journal.runs(piece(3)) is None
        journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_one_that_holds_nothing_leaves_no_file(tmp_path: Path) -> None:
    with Journal.of(tmp_path / "rows.csv", ACCOUNT):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [1, 20, 47, None])
def test_a_record_that_was_cut_or_spoilt_is_none_and_is_written_over(tmp_path: Path, cut: int | None) -> None:
    with Journal.of(tmp_path / "rows.csv", ACCOUNT) as journal:
        journal.keep(piece(1), runs(1.0))
        [path] = tmp_path.iterdir()
        one = path.stat().st_size
        journal.keep(piece(2), runs(2.0))
    content = path.read_bytes()
    path.write_bytes(content[: one + cut] if cut else content[:-1] + bytes([content[-1] ^ 1]))
    with Journal.of(tmp_path / "rows.csv", ACCOUNT) as journal:
        assert journal.has(piece(1))
        assert not journal.has(piece(2))
        journal.keep(piece(3), runs(3.0))
    with Journal.of(tmp_path / "rows.csv", ACCOUNT) as journal:
        assert [journal.runs(piece(day)) for day in (1, 2, 3)] == [runs(1.0), None, runs(3.0)]


def test_what_another_account_has_read_is_not_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    with Journal.of(file, ACCOUNT) as journal:
        journal.keep(piece(1), runs(1.0))
    [path] = tmp_path.iterdir()
    content = path.read_bytes()
    with pytest.raises(WrongUsage, match=r"another account \(.* client_a; .* client_b\)\. .* remove .*rows\.csv\.read"):
        Journal.of(file, {**ACCOUNT, "organization": "client_b"})
    assert path.read_bytes() == content
    with Journal.of(file, ACCOUNT) as journal:
        assert journal.has(piece(1))


def test_one_of_before_accounts_were_recorded_is_taken_as_it_is(
    tmp_path: Path,
) -> None:
    file = tmp_path / "rows.csv"
    with Journal.of(file, ACCOUNT) as journal:
        journal.keep(piece(1), runs(1.0))
    [path] = tmp_path.iterdir()
    # Its first record is cut off: the digests, the length and the content.
    content = path.read_bytes()
    path.write_bytes(content[40 + int.from_bytes(content[32:40]) :])
    with Journal.of(file, ACCOUNT) as journal:
        assert journal.has(piece(1))
        journal.keep(piece(2), runs(2.0))
    with pytest.raises(WrongUsage):
        Journal.of(file, {**ACCOUNT, "organization": "client_b"})
