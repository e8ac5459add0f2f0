"""How long the client waits before it tries again."""

from __future__ import annotations

FIRST_S = 0.5
LONGEST_S = 8.0


class Backoff:
    """The waits between attempts: 0.5 s at first, then twice as long each time, up to 8 s."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def next_delay(self) -> float:
        """How many seconds to wait now."""
        delay = self._next_s
        self._next_s = min(LONGEST_S, 2 * delay)
        return delay

    def reset(self) -> None:
        """Start again with the shortest wait, after an attempt that worked."""
        self._next_s = FIRST_S
