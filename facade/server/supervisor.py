"""The supervisor of worker processes: replaces those that die or hang, and all of them on SIGHUP."""

import logging
import pickle  # nosec B403 -- only its error is caught: pipes to our own workers are written by it
import signal
import socket
import time
from typing import Any

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

# Seconds until a worker that has answered its supervisor before, and does no more, is replaced.
SILENCE = 12.0
# Seconds that a worker has for its first answer, and a successor until it serves. A busy machine starts slowly.
STARTING = 60.0
# Seconds that a worker has to end, beyond those that its requests have.
ENDING = 10.0

log = logging.getLogger("uvicorn.error")


class Worker(Process):
    """A worker process, which answers its supervisor from a thread of its own."""

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self.serves = False
        self._is_asked = False
        self._heard_at: float | None = None
        self._began_at = time.monotonic()

    def ask(self) -> None:
        """Note what it has answered, and ask it again; never waits."""
        try:
            while self.parent_conn.poll():
                self.serves = self.parent_conn.recv() is True
                self._heard_at, self._is_asked = time.monotonic(), False
            if not self._is_asked:
                self.parent_conn.send(b"ping")
                self._is_asked = True
        except (OSError, EOFError, pickle.UnpicklingError):
            # Its end of the pipe is closed: it ends, or has ended.
            pass

    @property
    def is_lost(self) -> bool:
        if not self.process.is_alive():
            return True
        since, patience = (self._began_at, STARTING) if self._heard_at is None else (self._heard_at, SILENCE)
        return time.monotonic() - since > patience

    def end(self, seconds: float) -> None:
        """Wait for its end no longer than it was given, then kill it."""
        self.process.join(max(seconds, 0))
        if self.exitcode is None:
            self.kill()
            self.process.join()


class Supervisor(Multiprocess):
    """uvicorn's, whose waits have ends: all workers are asked at once, and none is waited for without a bound."""

    processes: list[Any]

    def init_processes(self) -> None:
        self.processes = [self._started() for _ in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        for worker in self.processes:
            worker.ask()
        for at, worker in enumerate(self.processes):
            if not worker.is_lost or self.should_exit.is_set():
                continue
            worker.kill()
            worker.process.join()
            if worker.exitcode == STARTUP_FAILURE:
                # It would fail again.
                log.error("Worker %s failed to start, so the supervisor stops.", worker.pid)
                self.should_exit.set()
                return
            log.info("Worker %s died or hung, and is replaced.", worker.pid)
            self.processes[at] = self._started()

    def restart_all(self) -> None:
        """Replace each worker by one that serves already."""
        for at, worker in enumerate(self.processes):
            successor = self._started()
            if not self._comes_to_serve(successor):
                successor.kill()
                successor.process.join()
                if not self._is_ending():
                    log.error("A new worker did not come to serve, so the others stay as they are.")
                return
            self.processes[at] = successor
            worker.terminate()
            worker.end(self._patience)

    def join_all(self) -> None:
        deadline = time.monotonic() + self._patience
        for worker in self.processes:
            worker.end(deadline - time.monotonic())

    def handle_ttin(self) -> None:
        self.processes_num += 1
        self.processes.append(self._started())

    def handle_ttou(self) -> None:
        if self.processes_num > 1:
            self.processes_num -= 1
            worker = self.processes.pop()
            worker.terminate()
            worker.end(self._patience)

    @property
    def _patience(self) -> float:
        return (self.config.timeout_graceful_shutdown or 0) + ENDING

    def _started(self) -> Worker:
        worker = Worker(self.config, self.sockets)
        worker.start()
        return worker

    def _comes_to_serve(self, worker: Worker) -> bool:
        deadline = time.monotonic() + STARTING
        while time.monotonic() < deadline and worker.process.is_alive() and not self._is_ending():
            worker.ask()
            if worker.serves:
                return True
            time.sleep(0.1)
        return False

    def _is_ending(self) -> bool:
        return bool({signal.SIGTERM, signal.SIGINT} & set(self.signal_queue)) or self.should_exit.is_set()
