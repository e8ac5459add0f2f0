"""Holds the reply between the network, which brings it in bursts, and the sound card, which can't wait."""

from __future__ import annotations

import threading
from typing import Any

SAMPLE_BYTES = 2


class PlaybackBuffer:
    """A queue of 16-bit samples, as bytes, between two threads. It drops nothing.

    capacity: from this number of bytes on, `wait_for_room` waits. The thread that fills the queue calls it before each
    `append`, so the queue exceeds its capacity by one `append` at most.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._bytes = bytearray()
        self._room = threading.Condition()

    def __len__(self) -> int:
        with self._room:
            return len(self._bytes)

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait for room, for `timeout_s` seconds at most. Returns whether there is room."""
        with self._room:
            return self._room.wait_for(self._has_room, timeout_s)

    def append(self, data: bytes) -> None:
        """Add bytes. They may end in the middle of a sample."""
        with self._room:
            self._bytes += data

    def read_into(self, out: Any) -> int:
        """Fill `out`, a writable buffer of an even number of bytes, with whole samples, and the rest with silence.

        Never waits. Returns how many bytes of `out` are audio. Half a sample stays in the queue until it is complete.
        """
        view = memoryview(out).cast("B")
        with self._room:
            count = min(len(self._bytes), len(view)) // SAMPLE_BYTES * SAMPLE_BYTES
            view[:count] = self._bytes[:count]
            del self._bytes[:count]
            if count and self._has_room():
                self._room.notify_all()
        view[count:] = bytes(len(view) - count)
        return count

    def clear(self) -> None:
        """Drop everything that was not played."""
        with self._room:
            self._bytes.clear()
            self._room.notify_all()

    def _has_room(self) -> bool:
        return len(self._bytes) < self._capacity
