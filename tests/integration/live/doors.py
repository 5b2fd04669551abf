"""One address for several servers, like a load balancer."""

import random
import selectors
import socket
import struct
import threading
from contextlib import suppress

# Closing is then a reset, as of a network that forgets its connections.
_RESET = struct.pack("ii", 1, 0)


class Door:
    """Forwards each connection to one of `ports`. If there is none, the connection is closed at once."""

    def __init__(self, seed: int = 0) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.ports: list[int] = []
        self._lot = random.Random(seed)
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, ValueError):
            if not self.ports:
                return
            address = ("127.0.0.1", self._lot.choice(self.ports))
            with socket.create_connection(address) as server, selectors.DefaultSelector() as selector:
                self._open += [client]
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                while True:
                    for key, _ in selector.select():
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        if not data:
                            return
                        key.data.sendall(data)

    def reset(self, share: float) -> None:
        """Break about so many of the connections."""
        for each in [each for each in self._open if self._lot.random() < share]:
            self._open.remove(each)
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()
        self.reset(1.0)
