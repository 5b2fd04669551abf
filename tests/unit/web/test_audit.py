"""The file of the audit log, where it cannot be written."""

import json

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
