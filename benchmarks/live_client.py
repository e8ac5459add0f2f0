"""A client that speaks and listens in real time as a person does, and knows to the sample what was when.

A microphone gives a block when the block is over: so its last sample is sent when it was spoken, its first one up to
32 ms later. What comes back is kept with the time of its arrival.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

import numpy as np

from utils.audio.samples import FloatAudio
from utils.audio.wire import REPLY_RATE, PcmDecoder, encode, to_pcm

RATE = 16_000
BLOCK = 512  # samples: 32 ms
AUDIBLE = 0.01  # of full scale, -40 dBFS: quieter is silence, in what is said and in what is heard


class LiveClient:
    """A context manager: one conversation. All times are time.monotonic(), seconds."""

    def __init__(self, microphone_port: int, speaker_port: int) -> None:
        self._microphone = socket.create_connection(("127.0.0.1", microphone_port), timeout=10)
        self._microphone.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._speaker = socket.create_connection(("127.0.0.1", speaker_port), timeout=10)
        self._speaker.settimeout(None)
        self._chunks: list[tuple[float, FloatAudio]] = []
        self._decoder = PcmDecoder()
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._due = time.monotonic()  # when the next block begins to be spoken

    def __enter__(self) -> LiveClient:
        return self

    def __exit__(self, *error: object) -> None:
        for connection in (self._speaker, self._microphone):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._reader.join(5)

    def say(self, audio: FloatAudio) -> float:
        """Speak float32 [n], 16 kHz. Returns when the last audible sample was spoken; some silence may follow it."""
        started = self._due
        padded = np.concatenate([audio, np.zeros(-len(audio) % BLOCK, dtype=np.float32)])
        for start in range(0, len(padded), BLOCK):
            self._speak(padded[start : start + BLOCK])
        audible = np.flatnonzero(np.abs(audio) >= AUDIBLE)
        return started + (int(audible[-1]) + 1 if len(audible) else 0) / RATE

    def resume(self) -> None:
        """Go on with the clock after a time in which nothing was sent."""
        self._due = max(self._due, time.monotonic())

    def be_silent_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Send silence until `done`. False: it never was, in so many seconds."""
        until = self._due + timeout_s
        while not done():
            if self._due > until:
                return False
            self._speak(np.zeros(BLOCK, dtype=np.float32))
        return True

    def heard_since(self, moment: float) -> list[tuple[float, FloatAudio]]:
        """The chunks that came after `moment`, each with the time of its arrival; float32 [n], 44.1 kHz."""
        with self._lock:
            return [chunk for chunk in self._chunks if chunk[0] > moment]

    def _speak(self, block: FloatAudio) -> None:
        self._due += BLOCK / RATE
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._microphone.sendall(encode(to_pcm(block)))

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._speaker.recv(65_536):
                now, samples = time.monotonic(), self._decoder.feed(data)
                with self._lock:
                    self._chunks.append((now, samples))


def first_audible(chunks: list[tuple[float, FloatAudio]]) -> float | None:
    """When a player that starts with the first byte plays the first audible sample; None if it never does."""
    plays_at = 0.0
    for at, samples in chunks:
        plays_at = max(plays_at, at)
        audible = np.flatnonzero(np.abs(samples) >= AUDIBLE)
        if len(audible):
            return plays_at + int(audible[0]) / REPLY_RATE
        plays_at += len(samples) / REPLY_RATE
    return None


def underruns(chunks: list[tuple[float, FloatAudio]]) -> list[float]:
    """The gaps, in seconds, in which a player that plays a reply from its first byte on had nothing to play."""
    gaps, plays_until = [], None
    for at, samples in chunks:
        if plays_until is not None and at > plays_until:
            gaps.append(at - plays_until)
            plays_until = at
        plays_until = (at if plays_until is None else plays_until) + len(samples) / REPLY_RATE
    return gaps
