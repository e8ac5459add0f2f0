"""What a process has taken: memory, threads, open files; now, and at most over a while."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import psutil

MIB = 1 << 20
LOOK_S = 0.02


@dataclass(frozen=True)
class Taken:
    """memory: resident, bytes."""

    memory: int
    threads: int
    files: int


class ProcessWatch:
    """Looks at a process from outside."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def now(self) -> Taken:
        with self._process.oneshot():
            return Taken(self._process.memory_info().rss, self._process.num_threads(), self._process.num_fds())


class PeakWatch:
    """A context manager that looks all the time. before: when it was entered; most: of each, the most it has seen."""

    def __init__(self, pid: int) -> None:
        self._watch = ProcessWatch(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> PeakWatch:
        self.before = self.most = self._watch.now()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            now, most = self._watch.now(), self.most
            self.most = Taken(max(now.memory, most.memory), max(now.threads, most.threads), max(now.files, most.files))
