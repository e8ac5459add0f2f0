"""The client's two connections to the server: opened so that Ctrl-C is heard meanwhile, and closed without a trace."""

from __future__ import annotations

import contextlib
import errno
import queue
import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

from utils.client.errors import ServerUnavailable
from utils.system.stop_signals import Stopped

CONNECT_TIMEOUT_S = 5.0  # of one address: a machine that is switched off never answers
TICK_S = 0.1  # how often a wait looks around: where `select` isn't woken by signals (Windows), this long to a Ctrl-C
READ_BYTES = 16_384
LOST_AFTER_S = 30  # a server whose machine or network is gone is given up after about so long

_IN_PROGRESS = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)}


class Stop(Protocol):
    """What `StopSignals` is to this module."""

    requested: bool

    def fileno(self) -> int:
        """Readable once a stop is asked for."""


class ConnectionLost(Exception):
    """The server takes nothing any more."""


@dataclass(frozen=True)
class ServerAddress:
    """Where the server is. send_port takes the microphone, recv_port gives the reply."""

    host: str
    send_port: int
    recv_port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.send_port}"


class ServerConnection:
    """One conversation's two sockets. One thread sends and another receives; `shut` may come from any."""

    def __init__(self, microphone: socket.socket, speaker: socket.socket) -> None:
        self._microphone = microphone
        self._speaker = speaker
        self._shut = False

    def send(self, data: bytes) -> None:
        """Send all of it, waiting as long as the server takes. Raises ConnectionLost."""
        view = memoryview(data)
        while view:
            if self._shut:
                raise ConnectionLost
            try:
                _, writable, _ = select.select([], [self._microphone], [], TICK_S)
                if writable:
                    view = view[self._microphone.send(view) :]
            except (BlockingIOError, InterruptedError):
                continue
            except OSError as error:
                raise ConnectionLost from error

    def end_input(self) -> None:
        """Nothing more will be sent: the server sees end of file, answers, and closes. Raises ConnectionLost."""
        try:
            self._microphone.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise ConnectionLost from error

    def receive(self) -> bytes | None:
        """What has come; None when nothing comes within a tenth of a second; b"" when the server has closed."""
        try:
            readable, _, _ = select.select([self._speaker], [], [], TICK_S)
            return self._speaker.recv(READ_BYTES) if readable else None
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def shut(self) -> None:
        """End both directions: who waits in `send` or `receive` returns. The sockets stay open until `close`."""
        self._shut = True
        for connection in (self._microphone, self._speaker):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Release the sockets, once no thread uses them any more."""
        self._microphone.close()
        self._speaker.close()


def connect(server: ServerAddress, stop: Stop, timeout_s: float = CONNECT_TIMEOUT_S) -> ServerConnection:
    """Open the microphone's connection, then the speaker's, to the same address.

    timeout_s: of each attempt at an address. Raises ServerUnavailable, and Stopped when a stop is asked for meanwhile.
    """
    reason = "is not there"
    for family, address in _resolve(server, stop):
        try:
            microphone = _open(family, address, timeout_s, stop)
        except OSError:
            continue
        try:
            speaker = _open(family, (address[0], server.recv_port, *address[2:]), timeout_s, stop)
        except OSError:
            reason = f"is there, but not its port {server.recv_port}"
            microphone.close()
            continue
        except BaseException:
            microphone.close()
            raise
        return ServerConnection(microphone, speaker)
    raise ServerUnavailable(f"server at {server} {reason}")


def wait_or_stop(seconds: float, stop: Stop) -> None:
    """Wait. Raises Stopped as soon as a stop is asked for."""
    end = time.monotonic() + seconds
    while not stop.requested:
        remaining = end - time.monotonic()
        if remaining <= 0:
            return
        select.select([stop], [], [], min(remaining, TICK_S))
    raise Stopped


def _resolve(server: ServerAddress, stop: Stop) -> list[tuple[int, tuple[Any, ...]]]:
    """(family, address) of the microphone's port, in the system's order.

    The system's resolver can't be interrupted and may take half a minute, so it runs in a thread that is left behind
    when a stop is asked for.
    """
    answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            answers.put(socket.getaddrinfo(server.host, server.send_port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(OSError(str(error)))

    threading.Thread(target=resolve, name="resolver", daemon=True).start()
    while not stop.requested:
        try:
            answer = answers.get(timeout=TICK_S)
        except queue.Empty:
            continue
        if isinstance(answer, OSError):
            raise ServerUnavailable(f"no machine is called {server.host}")
        return [(entry[0], entry[4]) for entry in answer]
    raise Stopped


def _open(family: int, address: tuple[Any, ...], timeout_s: float, stop: Stop) -> socket.socket:
    """A connected, non-blocking socket. Raises OSError, Stopped."""
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        _prepare(connection)
        if (failure := connection.connect_ex(address)) not in _IN_PROGRESS:
            raise OSError(failure, "refused")
        _finish_connecting(connection, timeout_s, stop)
    except BaseException:
        connection.close()
        raise
    return connection


def _finish_connecting(connection: socket.socket, timeout_s: float, stop: Stop) -> None:
    end = time.monotonic() + timeout_s
    while not stop.requested:
        remaining = end - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        _, writable, failed = select.select([stop], [connection], [connection], min(remaining, TICK_S))
        if not writable and not failed:
            continue
        if failure := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(failure, "refused")
        if connection.getsockname() == connection.getpeername():
            raise ConnectionRefusedError  # on one machine, a port nobody listens on can connect to itself
        return
    raise Stopped


def _prepare(connection: socket.socket) -> None:
    """Small writes leave at once, and a network that has gone is noticed."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", LOST_AFTER_S // 2),
        ("TCP_KEEPINTVL", LOST_AFTER_S // 4),
        ("TCP_KEEPCNT", 2),
        ("TCP_USER_TIMEOUT", LOST_AFTER_S * 1_000),
    ):
        if hasattr(socket, option):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
