"""The real server as a process, its lines kept and waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.process_watch import ProcessWatch, Taken
from tests.raw_client import RawClient
from tests.waiting import DEADLINE_S, wait_until
from utils.system.local_server import LocalServer


class ServerProcess:
    """A context manager: a server on free ports, ready when entered (unless told otherwise).

    lines, log: what it has written on stdout and stderr; moments: when each of the lines came (monotonic seconds).
    server: further arguments of `LocalServer`. ports, microphone_port, speaker_port, idle: only where it was ready;
    idle is what it held before its first conversation.
    """

    ports: tuple[int, ...] = ()
    idle: Taken

    def __init__(self, *arguments: str, config: str = "configs/bundled.json", wait: bool = True, **server) -> None:
        self._changed = threading.Condition()
        self._wait = wait
        self.lines: list[str] = []
        self.moments: list[float] = []
        self.log: list[str] = []
        self._server = LocalServer([config, *arguments], self._keep(self.lines), self._keep(self.log), **server)

    def __enter__(self) -> ServerProcess:
        self._server.__enter__()
        if self._wait:
            self.ports = self.microphone_port, self.speaker_port = self._server.wait_ready()
            self.idle = ProcessWatch(self.process.pid).now()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop()

    @property
    def process(self):
        return self._server.process

    def connect(self, rate: int = 16_000) -> RawClient:
        return RawClient(self.microphone_port, self.speaker_port, rate)

    def stop(self, number: int) -> tuple[int, float]:
        """Send a signal; returns the exit status and the seconds it took. One that does not end is killed."""
        started = time.monotonic()
        status = self._server.stop(number, DEADLINE_S)
        return status, time.monotonic() - started

    def wait_until_idle(self) -> None:
        """Until no conversation holds anything any more: then all that it had to write is written."""
        watch = ProcessWatch(self.process.pid)
        wait_until(lambda: watch.now().threads <= self.idle.threads, "the conversation's threads to end")
        wait_until(lambda: watch.now().files <= self.idle.files, "the conversation's sockets to be closed")

    def wait_for(self, lines: list[str], found: Callable[[list[str]], bool], timeout: float = DEADLINE_S) -> None:
        """Wait until `found(lines)`; AssertionError with what was said when it never is."""
        with self._changed:
            done = self._changed.wait_for(lambda: found(lines), timeout)
        assert done, "\n".join([*self.lines, *self.log[-400:]])

    def wait_nth(self, start: str, number: int, after: int = 0) -> tuple[float, str]:
        """Wait for the line on stdout that is the `number`th to start so, from line number `after` on.

        Returns when it came (monotonic seconds) and the rest of it.
        """

        def found(lines: list[str]) -> list[int]:
            return [index for index in range(after, len(lines)) if lines[index].startswith(start)]

        self.wait_for(self.lines, lambda lines: len(found(lines)) >= number)
        index = found(self.lines)[number - 1]
        return self.moments[index], self.lines[index][len(start) :].strip()

    def wait_line(self, start: str, after: int = 0, timeout: float = DEADLINE_S) -> str:
        """Wait for a line on stdout, from line number `after` on, that starts so; returns the rest of it."""
        self.wait_for(self.lines, lambda lines: any(line.startswith(start) for line in lines[after:]), timeout)
        return next(line for line in self.lines[after:] if line.startswith(start))[len(start) :].strip()

    def _keep(self, kept: list[str]) -> Callable[[str], None]:
        def keep(line: str) -> None:
            with self._changed:
                if kept is self.lines:
                    self.moments.append(time.monotonic())
                kept.append(line)
                self._changed.notify_all()

        return keep
