"""The microphone's blocks between the sound card, which can't wait, and the network, which may."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class CaptureBuffer(Generic[T]):
    """A queue of blocks, filled by one thread and emptied by another. most: blocks kept; the oldest go first."""

    def __init__(self, most: int) -> None:
        self._blocks: deque[T] = deque(maxlen=most)
        self._filled = threading.Condition()

    def put(self, block: T) -> None:
        """Add a block. Never waits."""
        with self._filled:
            self._blocks.append(block)
            self._filled.notify()

    def get(self, timeout_s: float) -> T | None:
        """The oldest block, or None if none comes within so many seconds."""
        with self._filled:
            if not self._filled.wait_for(lambda: bool(self._blocks), timeout_s):
                return None
            return self._blocks.popleft()

    def clear(self) -> None:
        """Forget what was captured so far."""
        with self._filled:
            self._blocks.clear()
