"""A server that speaks the wire byte for byte and thinks nothing: real sockets on free ports of the loopback interface.

It runs in the test's own thread: the test accepts, reads and answers when it wants to.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

PATIENCE_S = 20.0  # a client that does not come is a failed test, not a stuck one


@dataclass
class FakeServerSide:
    """The server's two ends of one conversation."""

    microphone: socket.socket
    speaker: socket.socket

    def read(self, count: int) -> bytes:
        """So many bytes of the user's voice, or fewer where it ends."""
        data = bytearray()
        while len(data) < count and (part := self.microphone.recv(count - len(data))):
            data += part
        return bytes(data)

    def read_to_end(self) -> bytes:
        """All that comes until the client half-closes."""
        data = bytearray()
        while part := self.microphone.recv(65_536):
            data += part
        return bytes(data)

    def reply(self, *parts: bytes) -> None:
        """Send without any pacing."""
        for part in parts:
            self.speaker.sendall(part)

    def client_has_left(self) -> bool:
        """Waits for the client to close the speaker's connection; it must not have written to it."""
        try:
            return self.speaker.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.microphone.close()
        self.speaker.close()


class FakeServer:
    """A context manager. listening=False: the ports are taken, but connections are refused until `listen`."""

    def __init__(self, listening: bool = True) -> None:
        self._sockets = [socket.socket(), socket.socket()]
        for bound in self._sockets:
            bound.bind(("127.0.0.1", 0))
            bound.settimeout(PATIENCE_S)
        self.send_port, self.recv_port = (int(bound.getsockname()[1]) for bound in self._sockets)
        self._accepted: list[FakeServerSide] = []
        if listening:
            self.listen()

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(self, *error: object) -> None:
        for side in self._accepted:
            side.close()
        for bound in self._sockets:
            bound.close()

    @property
    def options(self) -> list[str]:
        """The client's options that lead here."""
        return ["--host", "127.0.0.1", "--send_port", str(self.send_port), "--recv_port", str(self.recv_port)]

    def listen(self) -> None:
        for bound in self._sockets:
            bound.listen()

    def accept(self) -> FakeServerSide:
        """The next client: its microphone first, its speaker second."""
        sides = [bound.accept()[0] for bound in self._sockets]
        for side in sides:
            side.settimeout(PATIENCE_S)
        self._accepted.append(FakeServerSide(*sides))
        return self._accepted[-1]
