"""Two TCP connections from one client: it speaks on the first and listens on the second. No framing on either."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from utils.audio.wire import REPLY_RATE, SAMPLE_BYTES
from utils.transports.base import Transport, Wanted
from utils.transports.playout import PlayoutClock
from utils.transports.sockets import SocketReader, SocketWriter

DRAINED_BYTES = 4_096  # at once, of what a client says on the connection on which it should listen


@dataclass(frozen=True)
class TcpPairOptions:
    """What all pairs of one server have in common."""

    input_rate: int
    """Hz."""

    lead_s: float
    """Seconds. TCP can't take back what was written, so an interrupted reply is heard for so long at most."""

    read_bytes: int
    """Of one read at most."""


class TcpPair(Transport):
    """One client's two connections. The end of the first ends the input alone; that of the second, the conversation."""

    def __init__(
        self,
        microphone: socket.socket,
        speaker: socket.socket,
        options: TcpPairOptions,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """It takes over both connections, and makes them non-blocking."""
        self.input_rate = options.input_rate
        self.lead_s = options.lead_s
        self.clock = clock
        self._microphone = microphone
        self._speaker = speaker
        self._reader = SocketReader(microphone, options.read_bytes)
        self._writer = SocketWriter(speaker)
        self._playout = PlayoutClock(REPLY_RATE)

    def read(self, timeout_s: float) -> bytes | None:
        return self._reader.read(timeout_s)

    def write(self, data: bytes, wanted: Wanted) -> int:
        count = self._writer.write(data, wanted)
        self._playout.wrote(count // SAMPLE_BYTES, self.clock())
        return count

    def clear(self) -> bool:
        """TCP delivers all that was written."""
        return False

    @property
    def written(self) -> int:
        return self._playout.written

    def heard(self, now: float) -> int:
        """By the clock, for the client does not say."""
        return self._playout.heard(now)

    def ends_at(self) -> float:
        return self._playout.ends_at()

    def fileno(self) -> int:
        """What a selector watches to know when to ask `client_has_left`."""
        return self._speaker.fileno()

    def client_has_left(self) -> bool:
        """Whether the client has closed its second connection. What it says there is dropped. Waits for nothing."""
        try:
            return not self._speaker.recv(DRAINED_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def shut_down(self) -> None:
        for connection in (self._microphone, self._speaker):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._microphone.close()
        self._speaker.close()
