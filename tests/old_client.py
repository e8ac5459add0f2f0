"""The oldest kind of client, written from the wire's description alone: it reads whole chunks, sends nothing while a
reply plays, and nothing after the user's last word, not even silence.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections.abc import Callable

import numpy as np

SEND_RATE, REPLY_RATE = 16_000, 44_100
CHUNK = 2_048  # bytes: 1,024 samples, what its sound card takes and gives at once
BLOCK_S = CHUNK / 2 / SEND_RATE
DEADLINE_S = 60.0


class OldClient:
    """A context manager. chunks: what came, whole chunks, in order; pending: bytes of one that is not whole yet."""

    def __init__(self, microphone_port: int, speaker_port: int) -> None:
        self._microphone = socket.create_connection(("127.0.0.1", microphone_port), timeout=DEADLINE_S)
        self._speaker = socket.create_connection(("127.0.0.1", speaker_port), timeout=DEADLINE_S)
        self._speaker.settimeout(None)
        self._changed = threading.Condition()
        self.chunks: list[bytes] = []
        self.pending = 0
        self.ended = False
        self._played_until = -math.inf  # monotonic seconds at which the last chunk's last sample is heard
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> OldClient:
        return self

    def __exit__(self, *error: object) -> None:
        for connection in (self._speaker, self._microphone):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._reader.join(DEADLINE_S)

    @property
    def playing(self) -> bool:
        """Whether a reply can be heard: the microphone is muted meanwhile."""
        return time.monotonic() < self._played_until

    def say(self, audio: np.ndarray) -> int:
        """Send float32 [n], 16 kHz, at the microphone's pace, then nothing. Returns how many bytes were muted."""
        data = (np.clip(audio, -1, 1) * 32_767).astype("<i2").tobytes()
        data += bytes(-len(data) % CHUNK)  # a sound card gives whole blocks
        started, muted = time.monotonic(), 0
        for start in range(0, len(data), CHUNK):
            due = started + (start // CHUNK + 1) * BLOCK_S
            time.sleep(max(0.0, due - time.monotonic()))  # a microphone's own pace, not a wait for something to happen
            if self.playing:
                muted += CHUNK
            else:
                self._microphone.sendall(data[start : start + CHUNK])
        return muted

    def wait_for(self, found: Callable[[], bool]) -> bool:
        """Wait until what came is as wished; False where it is not before the deadline."""
        with self._changed:
            return self._changed.wait_for(found, DEADLINE_S)

    def wait_until_played(self) -> None:
        """Listen to the last chunk's end."""
        while self.playing:
            time.sleep(max(0.0, self._played_until - time.monotonic()))  # the loudspeaker's own pace

    def reply(self, since: int = 0) -> np.ndarray:
        """float32 [n], 44.1 kHz: what came from chunk number `since` on."""
        return np.frombuffer(b"".join(self.chunks[since:]), dtype="<i2").astype(np.float32) / 32_768

    def end_input(self) -> None:
        """Half-close: nothing more will be said."""
        self._microphone.shutdown(socket.SHUT_WR)

    def _read(self) -> None:
        chunk = b""
        while True:
            try:
                data = self._speaker.recv(CHUNK - len(chunk))
            except OSError:
                data = b""
            chunk += data
            with self._changed:
                self.ended = not data
                self.pending = len(chunk) % CHUNK
                if len(chunk) == CHUNK:
                    self.chunks.append(chunk)
                    self._played_until = max(self._played_until, time.monotonic()) + CHUNK / 2 / REPLY_RATE
                    chunk = b""
                self._changed.notify_all()
            if not data:
                return
