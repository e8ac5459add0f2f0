"""Handles SIGINT and SIGTERM. The first signal asks for an end in order, and the second ends the process at once.

The handlers are installed before anything loads, and also for SIGINT, since a shell starts background jobs with SIGINT
ignored.
"""

from __future__ import annotations

import os
import signal
import socket
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """A stop was asked for. The work in progress can be left as it is."""


class StopSignals:
    """A context manager for the main thread. `fileno()` becomes readable when a stop is asked for."""

    def __init__(self) -> None:
        self.requested = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, previous in self._previous.items():
            if self.requested and previous is signal.default_int_handler:
                previous = signal.SIG_DFL  # Python's own would show a traceback of the end that is under way
            signal.signal(number, previous)
        self._reader.close()
        self._writer.close()

    def fileno(self) -> int:
        """The file descriptor, for `select`."""
        return self._reader.fileno()

    def raise_if_requested(self) -> None:
        """Raise Stopped if a stop was asked for."""
        if self.requested:
            raise Stopped

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            os._exit(128 + number)
        self.requested = True
        self._writer.send(b"x")
