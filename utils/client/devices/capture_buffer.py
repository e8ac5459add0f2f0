"""Holds the blocks of the microphone between the sound card, which can't wait, and the network, which may stall."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class CaptureBuffer(Generic[T]):
    """A queue between two threads. most: how many blocks it keeps; when it is full, the oldest one is dropped."""

    def __init__(self, most: int) -> None:
        self._blocks: deque[T] = deque(maxlen=most)
        self._filled = threading.Condition()

    def put(self, block: T) -> None:
        """Add a block. Never waits."""
        with self._filled:
            self._blocks.append(block)
            self._filled.notify()

    def get(self, timeout_s: float) -> T | None:
        """The oldest block, or None if none comes within `timeout_s` seconds."""
        with self._filled:
            if not self._filled.wait_for(lambda: bool(self._blocks), timeout_s):
                return None
            return self._blocks.popleft()

    def clear(self) -> None:
        """Drop all blocks."""
        with self._filled:
            self._blocks.clear()
