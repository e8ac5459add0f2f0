"""Finds the two connections that make a conversation: one to each port, from the same address.

This is bookkeeping only, on an injected clock. A connection that waits for its second half takes no place from another
client. It is forgotten when it closes, or after a while if the client opens no second one.
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
FRESH_AND_SURE = (False, False, 0)  # the best rank: very doubtful, old, how doubtful


@dataclass(frozen=True)
class _Waiting(Generic[C]):
    connection: C
    """A connection to the first port."""

    host: str
    """The address of its client."""

    since: float
    """When it was made, in seconds on the clock."""


class Pairing(Generic[C]):
    """The connections to the first port that wait for their second half. clock: seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: list[_Waiting[C]] = []

    def first(self, connection: C, host: str) -> list[C]:
        """Add a connection to the first port. Returns the connections to drop, since too many wait."""
        self._waiting.append(_Waiting(connection, same_host(host), self._clock()))
        return self._remove(lambda index, _: index < len(self._waiting) - MOST_WAITING)

    def second(self, host: str, doubt: Callable[[C], int] = lambda _: 0) -> C | None:
        """Find the first half of a connection to the second port that comes from `host`. None if there is none.

        A client opens its two connections one right after the other. If two clients start together, the one that opens
        the first port first also opens the second port first. So the oldest of the fresh connections is chosen. If none
        is fresh, it is the newest one: older ones are from clients that opened one port only.

        doubt: says how likely it is that the client of a first half has gone: 0 not likely, 1 perhaps, 2 very likely.
        Those of 2 come last. Of the others a fresh one comes before one that is not, and then the less doubtful one
        first: a busy server finds that a new client has sent much already, which is why it doubts. Of several that are
        equally doubtful the newest is chosen.
        """
        now = self._clock()
        ranks: dict[tuple[bool, bool, int], list[_Waiting[C]]] = {}
        for waiting in self._waiting:
            if waiting.host == same_host(host):
                doubts = doubt(waiting.connection)
                ranks.setdefault((doubts > 1, now - waiting.since > FRESH_S, doubts), []).append(waiting)
        if not ranks:
            return None
        best = min(ranks)
        chosen = ranks[best][0 if best == FRESH_AND_SURE else -1]
        self._waiting.remove(chosen)
        return chosen.connection

    def expired(self) -> list[C]:
        """Remove the connections that have waited too long, and return them."""
        now = self._clock()
        return self._remove(lambda _, waiting: now - waiting.since > PATIENCE_S)

    def forget(self, connection: C) -> None:
        """Remove a connection that has closed."""
        self._remove(lambda _, waiting: waiting.connection is connection)

    def waiting(self) -> list[C]:
        """The connections that wait for their second half."""
        return [waiting.connection for waiting in self._waiting]

    def _remove(self, gone: Callable[[int, _Waiting[C]], bool]) -> list[C]:
        removed = [waiting for index, waiting in enumerate(self._waiting) if gone(index, waiting)]
        self._waiting = [waiting for waiting in self._waiting if waiting not in removed]
        return [waiting.connection for waiting in removed]


def same_host(host: str) -> str:
    """The same name for all addresses of one machine: for ::1 and 127.0.0.1, for ::ffff:10.0.0.1 and 10.0.0.1."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return "127.0.0.1" if address.is_loopback else str(address)
