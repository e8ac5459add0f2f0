"""A client in memory, at the other end of a real `Transport`.

What the client says is scripted beforehand or as the test goes on. What it hears is in `received`. Where a thread waits
in `read` or `write`, a call of the client's side wakes it; a test without threads sets `when_full` instead.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from tests.fakes import FakeClock
from utils.audio.wire import REPLY_RATE, SAMPLE_BYTES
from utils.transports.base import ReadError, Transport, Wanted, WriteError
from utils.transports.playout import PlayoutClock

BLOCKED_S = 0.05  # how often a full wire looks whether the write is still wanted


class FakeTransport(Transport):
    """A client that plays what it receives, in real time by the clock.

    can_clear: its wire can take back what the client has not heard.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        lead_s: float = 0.2,
        input_rate: int = 16_000,
        output_rate: int = REPLY_RATE,
        can_clear: bool = False,
    ) -> None:
        self.clock, self.lead_s, self.input_rate, self.output_rate = clock, lead_s, input_rate, output_rate
        self.received = bytearray()
        self.cleared: list[int] = []  # at each `clear`: how many bytes had been received
        self.read_timeouts: list[float] = []
        self.closed = False
        self.when_full: Callable[[], None] | None = None
        self._can_clear = can_clear
        self._changed = threading.Condition()
        self._said: deque[bytes | ReadError | None] = deque()
        self._room: int | None = None  # bytes that the wire takes before it is full; None: any number
        self._gone: str | None = None
        self._owed = b""
        self._playout = PlayoutClock(output_rate)

    # --- the client's side

    def say(self, data: bytes) -> None:
        """One read returns this."""
        self._next(data)

    def end_input(self) -> None:
        """Reads find the end from here on."""
        self._next(b"")

    def say_nothing(self) -> None:
        """One read finds nothing; the clock, where it is a fake one, goes on by the read's timeout."""
        self._next(None)

    def break_input(self, why: str) -> None:
        """Reads fail from here on."""
        self._next(ReadError(why))

    def make_room(self, count: int | None) -> None:
        """The wire takes so many bytes more and is full then. None: it is never full."""
        with self._changed:
            self._room = count if count is None or self._room is None else self._room + count
            self._changed.notify_all()

    def leave(self, why: str) -> None:
        """Writes fail from here on."""
        with self._changed:
            self._gone = why
            self._changed.notify_all()

    def wait_received(self, count: int, timeout_s: float = 10.0) -> bytes:
        """Everything that was received, once it is so many bytes. AssertionError where it never is."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, timeout_s), len(self.received)
            return bytes(self.received)

    # --- the server's side

    def read(self, timeout_s: float) -> bytes | None:
        self.read_timeouts.append(timeout_s)
        with self._changed:
            if not self._changed.wait_for(lambda: self._said or self._gone is not None, timeout_s):
                return None
            if not self._said:
                return b""
            item = self._said[0]
            if item is None or (isinstance(item, bytes) and item):  # an end is for ever
                self._said.popleft()
        if isinstance(item, ReadError):
            raise item
        if item is None and isinstance(self.clock, FakeClock):
            self.clock.advance(timeout_s)
        return item

    def write(self, data: bytes, wanted: Wanted) -> int:
        assert len(data) % SAMPLE_BYTES == 0
        rest = self._owed + data
        while rest and wanted():
            rest = rest[self._take(rest) :]
        self._owed = rest[: len(rest) % SAMPLE_BYTES]
        count = len(data) - (len(rest) - len(self._owed))
        self._playout.wrote(count // SAMPLE_BYTES, self.clock())
        return count

    def clear(self) -> bool:
        self.cleared.append(len(self.received))
        if self._can_clear:
            self._playout.take_back(self.clock())
        return self._can_clear

    @property
    def written(self) -> int:
        return self._playout.written

    def heard(self, now: float) -> int:
        return self._playout.heard(now)

    def ends_at(self) -> float:
        return self._playout.ends_at()

    def shut_down(self) -> None:
        self.leave("shut down")

    def close(self) -> None:
        self.closed = True

    # --- both

    def _next(self, item: bytes | ReadError | None) -> None:
        with self._changed:
            self._said.append(item)
            self._changed.notify_all()

    def _take(self, data: bytes) -> int:
        """How many of these bytes the wire takes now. Where it is full, it is waited for a moment."""
        with self._changed:
            if self._gone is not None:
                raise WriteError(self._gone)
            taken = data if self._room is None else data[: self._room]
            if taken:
                self.received += taken
                self._room = None if self._room is None else self._room - len(taken)
                self._changed.notify_all()
                return len(taken)
            if self.when_full is None:
                self._changed.wait(BLOCKED_S)
                return 0
        self.when_full()
        return 0
