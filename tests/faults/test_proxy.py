"""The proxy itself: each of its faults is as described."""

import socket
import socketserver
import threading
import time
from contextlib import suppress

import pytest


@pytest.fixture
def echo():
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                self.wfile.write(line)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def said(echo, proxy_to):
    """The proxy, and what comes back through it within half a second."""
    proxy = proxy_to(echo)

    def say(text: bytes, on: socket.socket | None = None) -> bytes:
        connection = on or socket.create_connection(("127.0.0.1", proxy.port))
        connection.settimeout(0.5)
        heard = b""
        try:
            connection.sendall(text)
            while not heard.endswith(b"\n") and (data := connection.recv(100)):
                heard += data
        finally:
            if on is None:
                connection.close()
        return heard

    return proxy, say


def test_without_faults_it_changes_nothing(said):
    proxy, say = said
    assert say(b"one\n") == b"one\n"
    assert (proxy.connections, proxy.exchanges) == (1, 1)


def test_each_request_of_a_connection_is_an_exchange(said):
    proxy, say = said
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        for _ in range(3):
            assert say(b"again\n", connection) == b"again\n"
    assert (proxy.connections, proxy.exchanges) == (1, 3)


def test_a_cut_lets_so_many_bytes_through(said):
    proxy, say = said
    proxy.befall("cut", cut=(3, 3))
    assert say(b"123456\n") == b"123"


def test_a_reset_is_one(said):
    proxy, say = said
    proxy.befall("reset", reset=True)
    with pytest.raises(ConnectionResetError):
        say(b"1\n")


def test_a_black_hole_says_nothing(said):
    proxy, say = said
    proxy.befall("hang", hang=True)
    with pytest.raises(TimeoutError):
        say(b"1\n")


def test_latency_and_a_drip_take_their_time(said):
    proxy, say = said
    proxy.befall("late", latency=0.2, jitter=0.05)
    began = time.monotonic()
    assert say(b"1\n") == b"1\n"
    assert time.monotonic() - began >= 0.2
    proxy.heal()
    proxy.befall("drip", drip=50)
    began = time.monotonic()
    assert say(b"123456789\n") == b"123456789\n"
    assert time.monotonic() - began >= 0.18


def test_a_refused_connection_may_come_again_later(said):
    proxy, say = said
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        say(b"1\n")
    proxy.listen()
    assert say(b"2\n") == b"2\n"


def test_of_many_exchanges_the_shares_go_wrong(said):
    proxy, say = said
    proxy.befall("cut", share=0.3, cut=(1, 1))
    proxy.befall("reset", share=0.1, reset=True)
    whole = 0
    for _ in range(200):
        with suppress(ConnectionResetError):
            whole += say(b"whole\n") == b"whole\n"
    assert 100 <= whole <= 140
    assert proxy.befell["cut"] + proxy.befell["reset"] + whole == 200
