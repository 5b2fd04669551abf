"""The file of the audit log, where it cannot be written."""

import json
import os
import resource
import signal

import pytest
from structlog.testing import capture_logs

from facade.app import create_app
from facade.settings import SettingsError, load
from facade.web.middleware.audit import AuditLog


def test_a_file_that_cannot_be_written_stops_the_start(tmp_path):
    with pytest.raises(SettingsError, match=r"^FACADE_AUDIT_LOG: .* cannot be written"):
        create_app(load(audit_log=str(tmp_path / "no-such-folder" / "audit.jsonl"), graphiql=False))


def test_what_cannot_be_written_later_is_said_once_and_stops_nothing(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    audit = AuditLog(str(folder / "audit.jsonl"))
    (folder / "audit.jsonl").unlink()
    folder.rmdir()
    with capture_logs() as logged:
        for number in range(3):
            audit.write({"number": number})
    folder.mkdir()
    audit.write({"number": 3})
    assert json.loads((folder / "audit.jsonl").read_text()) == {"number": 3}
    assert [event["event"] for event in logged] == ["audit.unwritten"]


def test_a_pipe_that_nobody_reads_holds_nothing_up(tmp_path):
    pipe = tmp_path / "audit"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    audit = AuditLog(str(pipe))
    os.close(reading)
    with capture_logs() as logged:
        audit.write({"number": 0})
    assert [event["event"] for event in logged] == ["audit.unwritten"]


def test_a_record_that_was_cut_does_not_run_into_the_next(tmp_path):
    """A disk that is full takes a part of a record: as a file does at its greatest size."""
    path = tmp_path / "audit.jsonl"
    audit = AuditLog(str(path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, hard))
    try:
        audit.write({"number": 0})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    audit.write({"number": 1})
    assert path.read_text() == '{"number\n{"number":1}\n'
