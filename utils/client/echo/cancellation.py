"""Removes the assistant's voice from what the microphone hears. The reference is what was played."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import Protocol

import numpy as np

from utils.audio.samples import FloatAudio
from utils.audio.wire import FULL_SCALE, encode, to_pcm
from utils.client.echo.far_end import FarEnd
from utils.client.echo.residue import ResidueGate
from utils.client.echo.sound_blocks import JoinedBlocks, SoundBlock

FRAME_S = 0.01  # the length of the frames that a canceller takes
# The canceller is told a delay, and looks for the echo after it. If the delay is 200 ms too short, it cancels as well
# as ever. If it is 40 ms too long, it cancels 22 dB instead of 60. Sound systems are wrong by tens of milliseconds, so
# the canceller is told a shorter one.
TOLD_LESS_MS = 60
MOST_DELAY_MS = 400
RECENT_S = 0.5  # where capturing begins, sound that was played longer ago is of no use
MOST_WAIT_S = 15.0  # how long played sound is kept: longer than captured sound waits for the network


class Canceller(Protocol):
    """Removes an echo from a stream, frame by frame. It keeps what it learns about the room."""

    rate: int
    """The sample rate of its frames, Hz."""

    def process(self, near: bytes, far: bytes, delay_ms: int) -> bytes:
        """The captured frame `near` without the echo of the played frame `far`.

        All frames are 10 ms of 16-bit mono samples. The echo of `far` comes in `near` after `delay_ms`, or a bit later.
        """


class EchoCancellation:
    """Echo cancellation. The callbacks of the speaker call `played`, and another thread calls `cancel`.

    rate: the rate of what `cancel` returns, Hz.
    """

    def __init__(self, canceller: Canceller) -> None:
        self.rate = canceller.rate
        self._canceller = canceller
        self._frame = round(FRAME_S * self.rate)
        self._waiting: deque[SoundBlock] = deque()
        self._lock = threading.Lock()
        self._playing, self._capturing = JoinedBlocks(self.rate), JoinedBlocks(self.rate)
        self._far = FarEnd(self.rate, self._frame)
        self._gate = ResidueGate()
        self._near = np.zeros(0, dtype=np.float32)  # captured, less than a frame

    def played(self, block: SoundBlock) -> None:
        """Take a copy of what the speaker was given, also of silence. It is kept for `MOST_WAIT_S`."""
        with self._lock:
            self._waiting.append(block)
            while block.arrived - self._waiting[0].arrived > MOST_WAIT_S:
                self._waiting.popleft()

    def cancel(self, block: SoundBlock) -> FloatAudio:
        """The captured sound without the echo, float32 [n]: whole frames, up to 10 ms later than they came."""
        restarts = not self._capturing.follows(block)
        self._catch_up(block.arrived, block.arrived - block.seconds - RECENT_S if restarts else -math.inf)
        samples = self._capturing.feed(block)
        if restarts:
            self._near = self._near[:0]
            self._far.restart(len(samples), block.arrived - block.delay_s - block.seconds)
        near = np.concatenate([self._near, samples])
        whole = len(near) - len(near) % self._frame
        self._near = near[whole:]
        ends = range(self._frame, whole + 1, self._frame)
        captured_at = block.arrived - block.delay_s
        frames = [self._one(near[end - self._frame : end], captured_at - (len(near) - end) / self.rate) for end in ends]
        return np.concatenate(frames) if frames else near[:0]

    def _one(self, near: FloatAudio, captured_until: float) -> FloatAudio:
        far = self._far.take(captured_until)
        delay_ms = max(0, min(MOST_DELAY_MS, round(self._far.delay_s * 1_000) - TOLD_LESS_MS))
        clean = self._canceller.process(encode(to_pcm(near)), encode(to_pcm(far)), delay_ms)
        return self._gate.feed(near, np.frombuffer(clean, dtype="<i2").astype(np.float32) / np.float32(FULL_SCALE))

    def _catch_up(self, moment: float, since: float) -> None:
        """Take the sound that was played before `moment`, and nothing later, so that a late thread changes nothing."""
        for block in self._played_before(moment):
            if block.arrived < since:
                continue
            if not self._playing.follows(block):
                self._far.lost()
            self._far.played(self._playing.feed(block), block.arrived + block.delay_s + block.seconds)

    def _played_before(self, moment: float) -> list[SoundBlock]:
        with self._lock:
            count = sum(block.arrived <= moment for block in self._waiting)
            return [self._waiting.popleft() for _ in range(count)]
