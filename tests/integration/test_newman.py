"""The served Postman collection, run by newman from its first request to its last."""

import json
import subprocess
from pathlib import Path

NEWMAN = Path(__file__).parents[1] / "clients" / "newman"
REPORTERS = ("--reporters", "cli,json", "--reporter-json-export")
ACCOUNT = {
    "username": "demo@example.com",
    "password": "demo-password",
    "client_id": "demo-client",
    "client_secret": "demo-secret",
}


def test_every_request_of_the_collection_answers(facade, npm_project, tmp_path):
    node = npm_project(NEWMAN)
    served, report = tmp_path / "collection.json", tmp_path / "report.json"
    served.write_text(facade.request("GET", "/api/postman.json").text)
    values = [word for name, value in ACCOUNT.items() for word in ("--env-var", f"{name}={value}")]
    ended = subprocess.run(
        [node, "node_modules/newman/bin/newman.js", "run", str(served), *values, *REPORTERS, str(report)],
        check=False,
        cwd=NEWMAN,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = json.loads(report.read_text())["run"]
    assert run["failures"] == []
    assert [one["response"]["code"] for one in run["executions"]] == [200] * 18
    # What the lists said is what was asked for: not the samples that the variables begin with.
    asked = [one["request"]["url"]["path"] for one in run["executions"]]
    assert not {"sensor_1", "hive_1", "space_1", "room_1"} & {step for path in asked for step in path}
