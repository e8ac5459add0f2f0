"""PCM over the two directions of TCP sockets, for the transports that are made of them."""

from __future__ import annotations

import select
import socket

from utils.audio.wire import SAMPLE_BYTES
from utils.transports.base import ReadError, Wanted, WriteError

BLOCKED_S = 0.05  # how often a blocked write looks whether it is still wanted


class SocketReader:
    """Reads what the client says."""

    def __init__(self, connection: socket.socket, most_bytes: int) -> None:
        """connection: made non-blocking. most_bytes: of one read."""
        connection.setblocking(False)
        self._connection = connection
        self._most_bytes = most_bytes

    def read(self, timeout_s: float) -> bytes | None:
        """As `Transport.read`."""
        try:
            if not _wait(self._connection, timeout_s):
                return None
            return self._connection.recv(self._most_bytes)
        except (BlockingIOError, InterruptedError):
            return None
        except (OSError, ValueError) as error:  # reset by the client, or closed by our own shutdown
            raise ReadError(str(error)) from error


class SocketWriter:
    """Writes what the client hears, and knows what of a sample is still to follow."""

    def __init__(self, connection: socket.socket) -> None:
        """connection: made non-blocking."""
        connection.setblocking(False)
        self._connection = connection
        self._owed = b""  # the second byte of a sample that a write was stopped in

    def write(self, data: bytes, wanted: Wanted) -> int:
        """As `Transport.write`."""
        view = memoryview(self._owed + data)
        try:
            while view and wanted():
                view = view[self._send(view) :]
        except (OSError, ValueError) as error:
            raise WriteError(str(error)) from error
        self._owed = bytes(view[: len(view) % SAMPLE_BYTES])
        return len(data) - (len(view) - len(self._owed))

    def _send(self, data: memoryview) -> int:
        try:
            return self._connection.send(data)
        except (BlockingIOError, InterruptedError):
            _wait(self._connection, BLOCKED_S, writable=True)
            return 0


def _wait(connection: socket.socket, timeout_s: float, writable: bool = False) -> bool:
    """Whether it can be read from, or written to, within the time. An error or an end counts as that it can."""
    if not hasattr(select, "poll"):  # Windows
        waits = ([], [connection]) if writable else ([connection], [])
        return any(select.select(*waits, [], timeout_s))
    poll = select.poll()  # unlike select, it takes any number of open files
    poll.register(connection, select.POLLOUT if writable else select.POLLIN)
    return bool(poll.poll(timeout_s * 1_000))
