"""The client's two connections to the server. Ctrl-C is noticed while they are opened and while they wait."""

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

CONNECT_TIMEOUT_S = 5.0  # for each address, since a machine that is switched off never answers
TICK_S = 0.1  # how often a wait checks for a stop: on Windows no signal wakes `select`
READ_BYTES = 16_384
LOST_AFTER_S = 30  # after about this time a server is given up whose machine or network is gone

_IN_PROGRESS = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)}


class Stop(Protocol):
    """The part of `StopSignals` that this module uses."""

    requested: bool
    """Whether a stop was asked for."""

    def fileno(self) -> int:
        """A file descriptor that becomes readable when a stop is asked for."""


class ConnectionLost(Exception):
    """The server accepts no more input."""


@dataclass(frozen=True)
class ServerAddress:
    """Where the server is."""

    host: str
    """The name or the address of its machine."""

    send_port: int
    """The port that receives the microphone."""

    recv_port: int
    """The port that sends the reply."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.send_port}"


class ServerConnection:
    """The two sockets of one conversation. One thread sends, another one receives, and any thread may call `shut`."""

    def __init__(self, microphone: socket.socket, speaker: socket.socket) -> None:
        self._microphone = microphone
        self._speaker = speaker
        self._shut = False

    def send(self, data: bytes) -> None:
        """Send all of `data`, and wait for the server as long as that takes. Raises ConnectionLost."""
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
        """Say that no more input follows. The server then answers and closes. Raises ConnectionLost."""
        try:
            self._microphone.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise ConnectionLost from error

    def receive(self) -> bytes | None:
        """The bytes that have come. None if none come within a tenth of a second, b"" after the server has closed."""
        try:
            readable, _, _ = select.select([self._speaker], [], [], TICK_S)
            return self._speaker.recv(READ_BYTES) if readable else None
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def shut(self) -> None:
        """End both directions, so that `send` and `receive` return. The sockets stay open until `close`."""
        self._shut = True
        for connection in (self._microphone, self._speaker):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Release the sockets. Call it when no thread uses them any more."""
        self._microphone.close()
        self._speaker.close()


def connect(server: ServerAddress, stop: Stop, timeout_s: float = CONNECT_TIMEOUT_S) -> ServerConnection:
    """Open the microphone's connection, then the speaker's, to the same address.

    timeout_s: for each attempt at an address. Raises ServerUnavailable, or Stopped when a stop is asked for meanwhile.
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
    """Wait for some seconds. Raises Stopped as soon as a stop is asked for."""
    end = time.monotonic() + seconds
    while not stop.requested:
        remaining = end - time.monotonic()
        if remaining <= 0:
            return
        select.select([stop], [], [], min(remaining, TICK_S))
    raise Stopped


def _resolve(server: ServerAddress, stop: Stop) -> list[tuple[int, tuple[Any, ...]]]:
    """The (family, address) pairs of the microphone's port, in the order of the system's resolver.

    The resolver can't be interrupted, and it may take half a minute. So it runs in a thread of its own, and when a stop
    is asked for, nobody waits for that thread. Raises ServerUnavailable, Stopped.
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
    """Set the options of a socket: small writes leave at once, and a lost network is noticed."""
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
