"""How a process starts, ends and is replaced: the command itself, with real signals."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

SLOW = '{ report(filter: {start: "-1h", measurements: [presence], value: {gte: 0}}) { rows { sensor_id } } }'
SECRET = "nobody-may-read-this"


@pytest.fixture
def environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FACADE_", "BUTLR_"))}
    return {**kept, "NO_COLOR": "1", "FACADE_GRAPHIQL": "false"}


def until(happens, seconds=60.0):
    """What `happens` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (result := happens()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return result


def call(port, path, *, body=None, token=None):
    """Status and answer over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=180)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"} if body else {}
    try:
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def is_healthy(port):
    try:
        return call(port, "/healthz")[0] == 200
    except OSError:
        return False


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def workers_of(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = {}
    for child in children:
        with suppress(FileNotFoundError, ProcessLookupError):
            found[int(child)] = Path(f"/proc/{child}/cmdline").read_bytes()
    return {pid for pid, command in found.items() if b"spawn_main" in command}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def serve(environment, tmp_path, sandbox):
    """Start `facade serve` before the sandbox and wait until it answers."""
    started = []

    def start(*args, **options):
        port = free_port()
        settings = {"BUTLR_BASE_URL": sandbox.url, "FACADE_PORT": str(port)}
        with (tmp_path / "said").open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "facade", "serve", *args],
                env={**environment, **settings},
                cwd=tmp_path,
                start_new_session=True,
                stderr=said,
                **options,
            )
        started.append(process)
        until(lambda: process.poll() is not None or is_healthy(port))
        assert process.returncode is None, (tmp_path / "said").read_text()
        return process, port

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        if process.stdout:
            process.stdout.close()


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_on_sigterm_it_is_unready_at_once_and_ends_with_its_last_request(serve, sandbox, token, workers):
    process, port = serve("--workers", str(workers))
    if workers > 1:
        until(lambda: len(workers_of(process)) == workers)
    sandbox.configure(latency_ms=3000)
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(call, port, "/graphql", body={"query": SLOW}, token=token)
        until(lambda: sandbox.calls(token))

        process.send_signal(signal.SIGTERM)

        # The request under way keeps its process listening.
        def ready():
            with suppress(ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected):
                return call(port, "/readyz")

        status, body = until(lambda: (answer := ready()) and answer[0] == 503 and answer)
        assert (status, body["status"]) == (503, "draining")
        status, answer = under_way.result(30)
    assert (status, "errors" in answer) == (200, False)
    assert answer["data"]["report"]["rows"]
    assert process.wait(180) == 0
    with pytest.raises(ConnectionRefusedError):
        call(port, "/readyz")


def test_with_nothing_under_way_it_ends_at_once(serve):
    began = time.monotonic()
    process, port = serve()
    started = time.monotonic() - began
    with socket.create_connection(("127.0.0.1", port)) as idle, socket.create_connection(("127.0.0.1", port)) as half:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in idle.recv(1000)
        half.sendall(b"POST /graphql HTTP/1.1\r\nHost: loc")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(180) == 0
    # With something under way it listens for five seconds more.
    assert time.monotonic() - began < 4 + started


@pytest.mark.slow
def test_a_request_that_never_ends_does_not_keep_it(launch, sandbox):
    # Given a second for what is under way, after the five in which it still listens.
    facade = launch.facade(sandbox.url)
    assert facade.request("GET", "/healthz").status_code == 200
    with socket.create_connection(("127.0.0.1", int(facade.url.rpartition(":")[2]))) as half:
        half.sendall(b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        half.sendall(b"Content-Length: 1000\r\n\r\n{")
        time.sleep(0.2)
        facade.process.send_signal(signal.SIGTERM)
        assert facade.process.wait(180) is not None


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_the_other_serves_meanwhile(serve, sandbox, token):
    process, port = serve("--workers", "2")
    first = until(lambda: len(found := workers_of(process)) == 2 and found)
    # Both answer: a worker that still starts would not be missed.
    until(lambda: all(listens(each, port) for each in first))
    victim = min(first)
    os.kill(victim, signal.SIGKILL)
    until(lambda: not is_alive(victim))

    replaced = False
    while not replaced:
        # The first of these may come when it is replaced already.
        replaced = len(now := workers_of(process)) == 2 and now != first
        assert call(port, "/graphql", body={"query": "{ __typename }"}, token=token)[0] == 200
    assert victim not in now
    assert process.poll() is None


def listens(pid, port):
    """Whether a process has a socket that listens there."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == "0A":
            inodes.add(f"socket:[{fields[9]}]")
    with suppress(FileNotFoundError, PermissionError):
        return any(str(link.readlink()) in inodes for link in Path(f"/proc/{pid}/fd").iterdir())
    return False


@pytest.mark.slow
def test_workers_are_replaced_on_sighup_without_a_dropped_request(serve, token):
    process, port = serve("--workers", "2")
    first = until(lambda: len(found := workers_of(process)) == 2 and found)
    stop = threading.Event()

    def ask_on():
        asked = 0
        while not stop.is_set():
            assert call(port, "/graphql", body={"query": "{ __typename }"}, token=token)[0] == 200
            asked += 1
            # The workers that start need a processor, too.
            time.sleep(0.01)
        return asked

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask_on) for _ in range(3)]
        try:
            process.send_signal(signal.SIGHUP)
            until(lambda: len(now := workers_of(process)) == 2 and not now & first, 60)
        finally:
            stop.set()
        assert sum(each.result() for each in asking) > 20
    process.send_signal(signal.SIGTERM)
    assert process.wait(180) == 0


@pytest.mark.slow
def test_hung_workers_are_replaced_and_on_sighup_by_ones_that_serve(serve, token):
    process, port = serve("--workers", "2")
    first = until(lambda: len(found := workers_of(process)) == 2 and found)
    until(lambda: all(listens(each, port) for each in first))
    for worker in first:
        os.kill(worker, signal.SIGSTOP)
    # Both together, not one after the other; and a stopped worker takes no SIGTERM.
    until(lambda: len(now := workers_of(process)) == 2 and not now & first, 60)
    assert call(port, "/graphql", body={"query": "{ __typename }"}, token=token)[0] == 200
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert process.wait(180) == 0


@pytest.mark.slow
def test_workers_end_with_a_supervisor_that_is_killed_and_free_its_pipes(serve):
    process, port = serve("--workers", "2", stdout=subprocess.PIPE)
    workers = until(lambda: len(found := workers_of(process)) == 2 and found)

    process.kill()

    reader = threading.Thread(target=process.stdout.read, daemon=True)
    reader.start()
    reader.join(60)
    assert not reader.is_alive(), "somebody still has its stdout open"
    until(lambda: not any(is_alive(pid) for pid in workers))
    assert not is_healthy(port)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"FACADE_PORT": "high"}, "FACADE_PORT"),
        ({"FACADE_CACHE_MAX_BYTES": "lots"}, "FACADE_CACHE_MAX_BYTES"),
        ({"FACADE_CACHE_URL": f"redis://:{SECRET}@host:port:7/0"}, "FACADE_CACHE_URL"),
        ({"BUTLR_BASE_URL": "api.butlr.io"}, "BUTLR_BASE_URL"),
        ({"FACADE_ASSETS": "guesses"}, "FACADE_ASSETS"),
        ({"FACADE_AUTH": "service", "BUTLR_CLIENT_SECRET": SECRET}, "BUTLR_CLIENT_ID"),
        ({"FACADE_RATE_LIMIT": "some"}, "FACADE_RATE_LIMIT"),
        ({"FACADE_CORS_ORIGINS": "dashboard.example"}, "FACADE_CORS_ORIGINS"),
        ({"FACADE_CORS_ORIGINS": "https://dashboard.example/"}, "FACADE_CORS_ORIGINS"),
        ({"FACADE_HOST": "no such host"}, "no such host"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it_and_exit_2(environment, tmp_path, settings, names):
    ended = subprocess.run(
        [sys.executable, "-m", "facade", "serve"],
        env={**environment, **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert names in ended.stderr
    assert SECRET not in ended.stderr
    assert ended.stdout == ""
