"""The server's listening sockets. They are bound before the models load, and listen when the models are ready."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket

BACKLOG = 64
LOST_AFTER_S = 15  # a client whose machine or network has gone is given up after this time


class PortUnavailable(OSError):
    """An address can't be used. The message is one line for the user."""


class Listener:
    """The sockets of one port: one for each address of its host name."""

    def __init__(self, host: str, port: int) -> None:
        """Bind the sockets. Port 0 takes any free port. Raises PortUnavailable."""
        self.host = host
        self.sockets: list[socket.socket] = []
        self.port = port
        try:
            for family, address in _addresses(host, port):
                self._bind(family, address)
        except BaseException:
            self.close()
            raise
        if not self.sockets:
            raise PortUnavailable(f"{host}:{port} can't be listened on: no address of this machine")

    def listen(self) -> None:
        """Begin to accept connections. Raises PortUnavailable if another process was first."""
        for listening in self.sockets:
            try:
                listening.listen(BACKLOG)
            except OSError as error:
                raise _unavailable(self.host, self.port, error) from error

    def close(self) -> None:
        """Stop accepting connections."""
        for listening in self.sockets:
            listening.close()

    @property
    def public(self) -> bool:
        """Whether other machines can reach it."""
        return any(not ipaddress.ip_address(s.getsockname()[0].partition("%")[0]).is_loopback for s in self.sockets)

    def _bind(self, family: int, address: tuple[str, int]) -> None:
        listening: socket.socket | None = None
        try:
            listening = socket.socket(family, socket.SOCK_STREAM)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.setblocking(False)
            listening.bind((address[0], self.port))
        except OSError as error:
            if listening is not None:
                listening.close()
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and self.sockets:
                return  # localhost names ::1 too on machines that have no IPv6
            raise _unavailable(self.host, self.port, error) from error
        self.sockets.append(listening)
        self.port = listening.getsockname()[1]


def _addresses(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:  # UnicodeError: an empty label, as in "a..b", or one that is too long
        raise PortUnavailable(f"{host} is not an address of this machine: {error}") from error
    addresses = {(family, (str(address[0]), port)) for family, _, _, _, address in found}
    return sorted(addresses)  # IPv4 first


def _unavailable(host: str, port: int, error: OSError) -> PortUnavailable:
    if error.errno == errno.EADDRINUSE:
        return PortUnavailable(f"port {port} on {host} is in use: stop the other program, or choose another port")
    return PortUnavailable(f"{host}:{port} can't be listened on: {error.strerror or error}")


def prepare_connection(connection: socket.socket) -> None:
    """Set the options of a conversation's connection: no delay, a small send buffer, and probes.

    The send buffer is small because its audio can't be taken back when the user interrupts. The probes find a client
    whose machine has vanished. But TCP sends no probes while sent data is not acknowledged. So a client that vanishes
    in the middle of a reply would keep its place for a quarter of an hour. TCP_USER_TIMEOUT limits that.
    """
    options = [
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.SOL_SOCKET, "SO_SNDBUF", 8_192),
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", LOST_AFTER_S // 3),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", LOST_AFTER_S // 5),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", LOST_AFTER_S * 1_000),  # milliseconds
    ]
    for level, name, value in options:
        with contextlib.suppress(OSError, AttributeError):  # not every system has every option
            connection.setsockopt(level, getattr(socket, name), value)
