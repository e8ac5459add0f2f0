"""Takes the assistant's voice out of what the microphone hears of it, with what was played as the reference."""

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

FRAME_S = 0.01  # what a canceller takes at once
# The canceller looks for the echo from the delay on that it is told. Told 200 ms too little it cancels as well as ever,
# told 40 ms too much only 22 dB instead of 60; and sound systems are wrong by tens of milliseconds.
TOLD_LESS_MS = 60
MOST_DELAY_MS = 400
RECENT_S = 0.5  # where capturing begins, what was played so long before is of no use any more
MOST_WAIT_S = 15.0  # longer than what was captured waits for the network, by the longest block


class Canceller(Protocol):
    """What takes an echo out of a stream, frame by frame. rate: Hz. It keeps what it learns of the room."""

    rate: int

    def process(self, near: bytes, far: bytes, delay_ms: int) -> bytes:
        """The frame that was captured, `near`, without the echo of what was played: 16-bit mono samples, 10 ms each.

        far: the frame that was played `delay_ms` or somewhat longer before its echo comes in `near`.
        """


class EchoCancellation:
    """Between a speaker's callbacks, which call `played`, and the thread that takes what was captured to `cancel`.

    rate: of what `cancel` returns, Hz.
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
        """Take what the speaker was given, silence too. It is kept for `MOST_WAIT_S`."""
        with self._lock:
            self._waiting.append(block)
            while block.arrived - self._waiting[0].arrived > MOST_WAIT_S:
                self._waiting.popleft()

    def cancel(self, block: SoundBlock) -> FloatAudio:
        """float32 [n], whole frames: what was captured, up to 10 ms later than it came."""
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
        """Take what was played before `moment`, and no more, so that a thread that is late changes nothing."""
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
