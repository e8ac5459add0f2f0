"""A source, a sink and a stop for tests of the client's conversation and session."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Iterator


class FakeStop:
    """A stop that a test asks for."""

    def __init__(self) -> None:
        self.requested = False
        self._reader, self._writer = socket.socketpair()

    def fileno(self) -> int:
        return self._reader.fileno()

    def request(self) -> None:
        self.requested = True
        self._writer.send(b"x")

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


class FakeSource:
    """Gives its blocks, then ends, or goes on with silence until it is stopped where `endless`."""

    def __init__(self, *parts: bytes, endless: bool = False, failure: Exception | None = None) -> None:
        self.parts = parts
        self.endless = endless
        self.failure = failure
        self.heard = False
        self.level = -math.inf

    def blocks(self, stopping: threading.Event) -> Iterator[bytes]:
        yield from self.parts
        if self.failure is not None:
            raise self.failure
        while self.endless and not stopping.wait(0.01):
            yield bytes(320)


class FakeSink:
    """Keeps what is written. full: there is no room. playing_for: how often it still says that it plays."""

    def __init__(self, failure: Exception | None = None, full: bool = False, playing_for: int = 0) -> None:
        self.written = bytearray()
        self.writes: list[bytes] = []
        self.failure = failure
        self.room = threading.Event()
        if not full:
            self.room.set()
        self.playing_for = playing_for
        self.pauses = 0
        self.finished = 0

    @property
    def playing(self) -> bool:
        self.playing_for -= 1
        return self.playing_for >= 0

    def wait_for_room(self, timeout_s: float) -> bool:
        return self.room.wait(timeout_s)

    def write(self, data: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        self.written += data
        self.writes.append(data)

    def pause(self) -> None:
        self.pauses += 1

    def finish(self) -> None:
        self.finished += 1
