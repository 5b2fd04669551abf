"""The command itself, as a process: real ports, real signals, the real sandbox."""

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from facade.cli.app import run

FACADE = [sys.executable, "-m", "facade"]
SENSORS = "query Q($mode: String) { sensors(mode: $mode) { data { id mode hive { id } } } }"
TWO_LISTS = (
    '{ sensors { data { id report(start: "-1h") { rows { value } } '
    'detections(start: "-10m") { detections_local { value } } } } }'
)

PARTLY_WRONG = '{ sensors { data { id } } report(filter: {start: "-1h"}, options: {format: "csv"}) { data } }'


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """The environment without the settings of the user who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FACADE_", "BUTLR_"))}
    return {**kept, "COLUMNS": "80", "NO_COLOR": "1", "FACADE_GRAPHIQL": "false"}


@pytest.fixture(scope="module")
def sandbox(environment) -> Iterator[str]:
    command = [*FACADE, "sandbox", "--port", "0", "--sensors", "12"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.terminate()
        assert process.wait(180) == 0


@pytest.fixture
def configured(environment, sandbox) -> dict[str, str]:
    return {
        **environment,
        "BUTLR_BASE_URL": sandbox,
        "BUTLR_CLIENT_ID": "demo-client",
        "BUTLR_CLIENT_SECRET": "demo-secret",
    }


@pytest.fixture
def facade(configured, tmp_path):
    """Run a command to its end in a folder without a `.env`."""

    def command(*args: str, stdin: str | None = None, **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*FACADE, *args],
            env={**configured, **changed},
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    return command


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(happens, seconds: float = 60.0):
    """What `happens` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (result := happens()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return result


def got(url: str) -> dict[str, str] | None:
    try:
        with urllib.request.urlopen(url, timeout=180) as answer:
            return json.load(answer)
    except OSError:
        return None


def posted(url: str, query: str) -> dict:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=180) as answer:
        return json.load(answer)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        # A zombie has ended; nobody has asked how.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def serving(environment, tmp_path):
    """Start `facade serve --sandbox` and wait until it answers. What it says goes to a file."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*args: str) -> tuple[subprocess.Popen[bytes], str]:
        port = free_port()
        command = [*FACADE, "serve", "--sandbox", "--port", str(port), *args]
        with (tmp_path / "said").open("wb") as said:
            process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=said, start_new_session=True)
        started.append(process)
        url = f"http://127.0.0.1:{port}"
        until(lambda: process.poll() is not None or got(f"{url}/healthz"))
        assert process.returncode is None, (tmp_path / "said").read_text()
        return process, url

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def counted(url: str) -> float:
    """How many operations `/metrics` says that the service has answered, on a connection of its own."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=180) as answer:
        lines = answer.read().decode().splitlines()
    requests = [line for line in lines if line.startswith("facade_http_requests_total{") and 'route="/graphql"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in requests)


def workers_of(process: subprocess.Popen[bytes]) -> set[int]:
    found = set()
    for pid in children_of(process.pid):
        # It may end meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


def test_the_metrics_of_two_workers_count_each_request_once_under_load_as_they_are_replaced(serving):
    process, url = serving("--workers", "2")
    first = workers_of(process)
    ended = threading.Event()

    def load() -> int:
        made = 0
        while not ended.is_set():
            # Some are answered anew, some again.
            posted(f"{url}/graphql", "{ sensors { data { id } } }" if made % 3 else f"query N{made} {{ __typename }}")
            made += 1
        return made

    with ThreadPoolExecutor(2) as threads:
        loads = [threads.submit(load) for _ in range(2)]
        try:
            seen = until(lambda: counted(url))
            process.send_signal(signal.SIGHUP)
            # One after the other, each once its successor serves.
            until(lambda: len(now := workers_of(process)) == 2 and not now & first, 180)
            after = counted(url)
        finally:
            ended.set()
    made = sum(each.result() for each in loads)
    assert 0 < seen <= after <= made
    until(lambda: counted(url) >= made)
    # Whichever worker is asked.
    assert {counted(url) for _ in range(10)} == {made}


def test_serve_sandbox_answers_without_an_account_and_ends_well_with_its_sandbox(serving, tmp_path):
    process, url = serving()
    [sandbox] = children_of(process.pid)

    assert got(f"{url}/healthz")["status"] == "ok"
    answer = posted(f"{url}/graphql", "{ sensors { data { id } } }")
    assert "errors" not in answer
    assert len(answer["data"]["sensors"]["data"]) == 200

    process.send_signal(signal.SIGTERM)
    assert process.wait(180) == 0
    assert not alive(sandbox)
    said = (tmp_path / "said").read_text()
    assert f"{url}/graphql" in said
    assert "demo@example.com / demo-password" in said
    assert "demo-client / demo-secret" in said


def test_the_sandbox_ends_with_a_facade_that_is_killed(serving):
    process, _ = serving()
    [sandbox] = children_of(process.pid)

    process.kill()
    process.wait(180)

    until(lambda: not alive(sandbox))


def test_workers_inherit_the_options_and_end_well(serving):
    process, url = serving("--workers", "2")
    below = children_of(process.pid)

    assert "errors" not in posted(f"{url}/graphql", "{ sensors { data { id } } }")

    process.send_signal(signal.SIGTERM)
    assert process.wait(180) == 0
    until(lambda: not any(alive(pid) for pid in below))


def test_a_wrong_setting_stops_the_start_with_one_line(facade):
    ended = facade("serve", FACADE_PORT="high")

    assert ended.returncode == 2
    assert ended.stderr.startswith("facade: FACADE_PORT: ")
    assert ended.stderr.count("\n") == 1


def test_a_port_in_use_is_one_line(facade):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = facade("serve", "--port", port)

    assert ended.returncode == 1
    assert ended.stderr == (
        f"facade: Port {port} on 127.0.0.1 is in use. Stop the other program, or choose another port with --port.\n"
    )


def test_query_prints_a_table_and_with_a_sandbox_needs_nothing(facade):
    ended = facade("query", "-", "--sandbox", stdin=SENSORS, BUTLR_BASE_URL="http://127.0.0.1:9")

    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, ended.stderr
    assert lines[0].split() == ["id", "mode", "hive.id"]
    assert len(lines[2].split()) == 3
    assert lines[-1] == "(200 rows)"


def test_query_prints_csv_with_variables_from_a_file(facade, tmp_path):
    (tmp_path / "variables.json").write_text('{"mode": "traffic"}')

    ended = facade("query", "-", "--format", "csv", "--variables", "@variables.json", stdin=SENSORS)

    assert ended.returncode == 0, ended.stderr
    rows = list(csv.reader(io.StringIO(ended.stdout)))
    assert rows[0] == ["id", "mode", "hive.id"]
    assert {row[1] for row in rows[1:]} == {"traffic"}


def test_query_prints_the_response_as_json_and_errors_beside_it(facade, tmp_path):
    (tmp_path / "q.graphql").write_text(PARTLY_WRONG)

    ended = facade("query", "q.graphql", "--format", "json")

    answer = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert len(answer["data"]["sensors"]["data"]) == 12
    assert [error["path"] for error in answer["errors"]] == [["report"]]
    assert ended.stderr.startswith("report: ")
    assert ended.stderr.endswith("(BAD_USER_INPUT)\n")
    assert ended.stderr.count("\n") == 1


def test_csv_of_several_lists_wants_a_path(facade):
    ended = facade("query", "-", "--format", "csv", stdin=TWO_LISTS)

    assert ended.returncode == 2
    assert "--path: sensors.data, sensors.data.report.rows" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


def test_query_asks_with_the_token_given(facade):
    ended = facade("query", "-", "--token", "nobody's", stdin=SENSORS)

    assert ended.returncode == 1
    assert ended.stderr.endswith("(UNAUTHENTICATED)\n")
    assert "nobody's" not in ended.stderr


def test_check_makes_every_call(facade):
    ended = facade("check", "--username", "demo@example.com", "--password", "demo-password")

    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.count("works") == 5
    for secret in ("demo-secret", "demo-password", "eyJ"):
        assert secret not in ended.stdout + ended.stderr


@pytest.fixture
def checked(configured, tmp_path, monkeypatch, capsys):
    """Run `facade check --json` in this process: its exit code and calls."""

    def check(**changed: str) -> tuple[int, dict[str, dict]]:
        monkeypatch.chdir(tmp_path)
        for name, value in {**configured, **changed}.items():
            monkeypatch.setenv(name, value)
        exit_code = run(["check", "--json"])
        written = capsys.readouterr()
        assert written.err == ""
        assert changed.get("BUTLR_CLIENT_SECRET", "demo-secret") not in written.out
        return exit_code, {call["call"]: call for call in json.loads(written.out)["calls"]}

    return check


def test_check_for_machines_lists_the_calls(checked):
    exit_code, calls = checked()

    assert exit_code == 0
    assert {name: call["result"] for name, call in calls.items()} == {
        "client login": "works",
        "reporting": "works",
        "detections": "works",
        "stats": "works",
    }


def test_check_tells_a_wrong_secret_and_its_mend(checked):
    exit_code, calls = checked(BUTLR_CLIENT_SECRET="guessed")

    assert exit_code == 1
    assert calls["client login"]["mend"] == "Check BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET."
    assert calls["reporting"]["result"] == "skipped"


def test_check_tells_a_scope_that_lacks(checked):
    exit_code, calls = checked(BUTLR_CLIENT_ID="limited-client", BUTLR_CLIENT_SECRET="limited-secret")

    assert exit_code == 1
    assert calls["client login"]["result"] == "works"
    assert calls["reporting"]["code"] == "FORBIDDEN"
    assert "read:sensors" in calls["reporting"]["mend"]
    assert calls["detections"]["result"] == "skipped"


def test_check_tells_an_upstream_that_cannot_be_reached(checked):
    exit_code, calls = checked(BUTLR_BASE_URL=f"http://127.0.0.1:{free_port()}")

    assert exit_code == 1
    assert calls["client login"]["code"] == "UPSTREAM_UNAVAILABLE"
    assert "BUTLR_BASE_URL" in calls["client login"]["mend"]


def test_query_asks_a_facade_that_runs_and_writes_to_a_file(serving, facade, tmp_path):
    _, url = serving()
    (tmp_path / "rooms.graphql").write_text("{ sensors { data { id } } }")
    ended = facade("query", "rooms.graphql", "--url", url, "--format", "json", "--out", "answer.json")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert len(json.loads((tmp_path / "answer.json").read_text())["data"]["sensors"]["data"]) == 200
    table = facade("query", "rooms.graphql", "--url", f"{url}/graphql")
    assert "… 100 more rows, shown with --all …" in table.stdout
    assert table.stdout.endswith("(200 rows)\n")
    assert len(facade("query", "rooms.graphql", "--url", url, "--all").stdout.splitlines()) == 203


def test_query_groups_errors_by_cause(facade, tmp_path):
    (tmp_path / "two.graphql").write_text(
        '{ a: report(filter: {start: "nonsense"}) { data } b: report(filter: {start: "nonsense"}) { data } }'
    )
    ended = facade("query", "two.graphql", "--sandbox")
    assert ended.returncode == 1
    assert ended.stderr.count("nonsense") == 1, ended.stderr


def test_query_draws_each_series(facade, tmp_path):
    (tmp_path / "plot.graphql").write_text(
        '{ rooms { data { name report(start: "-24h", measurements: [presence], '
        'window: {every: "1h", function: max}) { series { measurement times values } } } } }'
    )
    ended = facade("query", "plot.graphql", "--sandbox", "--format", "plot")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert "series, from 0" in lines[-1]
    assert max(map(len, lines)) <= 80
