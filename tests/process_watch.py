"""What a process has taken: memory, threads, open files."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

MIB = 1 << 20


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
