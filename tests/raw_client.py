"""A client written from the wire's description alone: two sockets, raw PCM, a clock.

It shares no code with `listen_and_play.py`, so that it notices when the wire changes.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import numpy as np

BLOCK_S = 0.032
REPLY_RATE = 44_100


class RawClient:
    """Connects, speaks in real time, keeps every byte of the reply with the time at which it came."""

    def __init__(self, microphone_port: int, speaker_port: int, rate: int = 16_000) -> None:
        self.rate = rate
        self.microphone = socket.create_connection(("127.0.0.1", microphone_port), timeout=10)
        self.speaker = socket.create_connection(("127.0.0.1", speaker_port), timeout=10)
        self.speaker.settimeout(None)
        self._changed = threading.Condition()
        self.received: list[tuple[float, bytes]] = []
        self.ended = False
        self._stop_reading = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.leave()

    def say(self, audio: np.ndarray) -> float:
        """Send float32 audio in real time; returns when its last sample was sent (monotonic seconds)."""
        data = (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()
        step = int(self.rate * BLOCK_S) * 2
        started = time.monotonic()
        for index, start in enumerate(range(0, len(data), step)):
            ahead = started + index * BLOCK_S - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)  # a microphone's own pace, not a wait for something to happen
            self.microphone.sendall(data[start : start + step])
        return time.monotonic()

    def silence(self, seconds: float) -> None:
        """Send silence in real time."""
        self.say(np.zeros(int(seconds * self.rate), dtype=np.float32))

    def wait_bytes(self, count: int, timeout: float = 30.0) -> bool:
        """Wait until so many bytes of reply have come in all."""
        with self._changed:
            return self._changed.wait_for(lambda: self.byte_count >= count or self.ended, timeout) and (
                self.byte_count >= count
            )

    def wait_end(self, timeout: float = 30.0) -> bool:
        """Wait for end of file on the reply's connection."""
        with self._changed:
            return self._changed.wait_for(lambda: self.ended, timeout)

    @property
    def byte_count(self) -> int:
        return sum(len(data) for _, data in self.received)

    @property
    def reply(self) -> np.ndarray:
        """float32: all reply audio so far."""
        data = b"".join(data for _, data in self.received)
        return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.float32) / 32768

    def end_input(self) -> None:
        """Half-close: nothing more will be said."""
        self.microphone.shutdown(socket.SHUT_WR)

    def leave(self) -> None:
        """Close both connections and stop reading."""
        for connection in (self.speaker, self.microphone):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._reader.join(5)

    def _read(self) -> None:
        while True:
            try:
                data = self.speaker.recv(65_536)
            except OSError:
                data = b""
            with self._changed:
                if data:
                    self.received.append((time.monotonic(), data))
                else:
                    self.ended = True
                self._changed.notify_all()
            if not data:
                return
