"""Which two connections make a conversation: the first from the send port, the second from the same address.

Pure bookkeeping on an injected clock. A connection that waits for its second half takes nobody's place: clients that
open one port only, or open and drop, are forgotten after a while or when they close.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

C = TypeVar("C")

PATIENCE_S = 10.0  # a client opens its second connection right after the first
FRESH_S = 1.0
MOST_WAITING = 16


@dataclass(frozen=True)
class _Waiting(Generic[C]):
    connection: C
    host: str
    since: float


class Pairing(Generic[C]):
    """The first halves that wait. clock: seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: list[_Waiting[C]] = []

    def first(self, connection: C, host: str) -> list[C]:
        """A connection to the first port. Returns those that have to go to keep the number bounded."""
        self._waiting.append(_Waiting(connection, same_host(host), self._clock()))
        return self._remove(lambda index, _: index < len(self._waiting) - MOST_WAITING)

    def second(self, host: str, doubt: Callable[[C], int] = lambda _: 0) -> C | None:
        """A connection to the second port: its first half from this address, or None.

        A client opens its two connections one right after the other. So it is the oldest of those that came just now
        (of two clients that start together, the first to open one port is the first to open the other); where none is
        so fresh, the newest, for an older one was left by somebody who opened one port only.

        doubt: how much speaks against a first half's client being there still. The least doubtful is chosen; of
        several that all are doubtful, the newest.
        """
        candidates = [
            (doubt(waiting.connection), waiting) for waiting in self._waiting if waiting.host == same_host(host)
        ]
        if not candidates:
            return None
        least, now = min(doubts for doubts, _ in candidates), self._clock()
        likely = [waiting for doubts, waiting in candidates if doubts == least]
        fresh = [waiting for waiting in likely if not least and now - waiting.since <= FRESH_S]
        chosen = fresh[0] if fresh else likely[-1]
        self._waiting.remove(chosen)
        return chosen.connection

    def expired(self) -> list[C]:
        """Forget and return the connections that have waited too long."""
        now = self._clock()
        return self._remove(lambda _, waiting: now - waiting.since > PATIENCE_S)

    def forget(self, connection: C) -> None:
        """A waiting connection has closed."""
        self._remove(lambda _, waiting: waiting.connection is connection)

    def waiting(self) -> list[C]:
        """The connections that wait for their second half."""
        return [waiting.connection for waiting in self._waiting]

    def _remove(self, gone: Callable[[int, _Waiting[C]], bool]) -> list[C]:
        removed = [waiting for index, waiting in enumerate(self._waiting) if gone(index, waiting)]
        self._waiting = [waiting for waiting in self._waiting if waiting not in removed]
        return [waiting.connection for waiting in removed]


def same_host(host: str) -> str:
    """One name for one machine: ::1 and 127.0.0.1 are one, and so are ::ffff:10.0.0.1 and 10.0.0.1."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return "127.0.0.1" if address.is_loopback else str(address)
