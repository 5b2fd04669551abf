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

# Seconds without an answer to its supervisor after which a worker is replaced.
SILENCE = 12.0
# Seconds until a worker's first answer, or until a successor serves. A busy machine starts processes slowly.
STARTING = 60.0
# Seconds for a worker to end, in addition to those for its requests.
ENDING = 10.0

log = logging.getLogger("uvicorn.error")


class Worker(Process):
    """A worker process. A thread of its own answers the supervisor."""

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self.serves = False
        self._is_asked = False
        self._heard_at: float | None = None
        self._began_at = time.monotonic()

    def ask(self) -> None:
        """Read the worker's answers, and ping it again. Never waits."""
        try:
            while self.parent_conn.poll():
                self.serves = self.parent_conn.recv() is True
                self._heard_at, self._is_asked = time.monotonic(), False
            if not self._is_asked:
                self.parent_conn.send(b"ping")
                self._is_asked = True
        except (OSError, EOFError, pickle.UnpicklingError):
            # The worker closed its end of the pipe, so it is ending or has ended.
            pass

    @property
    def is_lost(self) -> bool:
        if not self.process.is_alive():
            return True
        since, patience = (self._began_at, STARTING) if self._heard_at is None else (self._heard_at, SILENCE)
        return time.monotonic() - since > patience

    def end(self, seconds: float) -> None:
        """Wait up to `seconds` for the worker's end, then kill it."""
        self.process.join(max(seconds, 0))
        if self.exitcode is None:
            self.kill()
            self.process.join()


class Supervisor(Multiprocess):
    """uvicorn's supervisor with bounded waits: all workers are pinged at once, and every wait has a limit."""

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
                # A new worker would fail too.
                log.error("Worker %s failed to start, so the supervisor stops.", worker.pid)
                self.should_exit.set()
                return
            log.info("Worker %s died or hung, and is replaced.", worker.pid)
            self.processes[at] = self._started()

    def restart_all(self) -> None:
        """Replace each worker, after its successor has started to serve."""
        for at, worker in enumerate(self.processes):
            successor = self._started()
            if not self._comes_to_serve(successor):
                successor.kill()
                successor.process.join()
                if not self._is_ending():
                    log.error("A new worker did not start, so the other workers are kept.")
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
