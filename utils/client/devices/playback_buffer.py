"""The reply's bytes between the network, which brings them in bursts, and the sound card, which can't wait."""

from __future__ import annotations

import threading
from typing import Any

SAMPLE_BYTES = 2


class PlaybackBuffer:
    """A queue of bytes of 16-bit samples, filled by one thread and emptied by another, in order, without loss.

    capacity: bytes from which on `wait_for_room` waits. Nothing is ever dropped: whoever fills it waits first, and so
    the buffer exceeds its capacity by one `append` at most.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._bytes = bytearray()
        self._room = threading.Condition()

    def __len__(self) -> int:
        with self._room:
            return len(self._bytes)

    def wait_for_room(self, timeout_s: float) -> bool:
        """Whether there is room, after waiting for it for at most so many seconds."""
        with self._room:
            return self._room.wait_for(self._has_room, timeout_s)

    def append(self, data: bytes) -> None:
        """Add bytes, cut anywhere."""
        with self._room:
            self._bytes += data

    def read_into(self, out: Any) -> int:
        """Fill `out`, a writable buffer of an even number of bytes, with whole samples and then with silence.

        Never waits for data. Returns how many bytes of it are audio; half a sample stays until it is complete.
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
        """Forget what was not played."""
        with self._room:
            self._bytes.clear()
            self._room.notify_all()

    def _has_room(self) -> bool:
        return len(self._bytes) < self._capacity
