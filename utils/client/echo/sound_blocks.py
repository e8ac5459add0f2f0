"""Blocks of samples as a sound card's callbacks see them, and one device's blocks joined to a stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.audio.samples import FloatAudio
from utils.audio.sinc_resampler import SincResampler
from utils.audio.wire import FULL_SCALE


@dataclass(frozen=True)
class SoundBlock:
    """What one callback moved.

    data: 16-bit mono samples. rate: the device's, Hz. start: how many samples of the stream came before. arrived: when
    the callback ran, seconds. delay_s: between the callback and the air: until the first sample sounds, where the block
    is played; since the last one sounded, where it was captured.
    """

    data: bytes
    rate: int
    start: int
    arrived: float
    delay_s: float

    @property
    def samples(self) -> FloatAudio:
        """float32 [n], -1..1."""
        return np.frombuffer(self.data, dtype="<i2").astype(np.float32) / np.float32(FULL_SCALE)

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.data) / 2 / self.rate

    @property
    def end(self) -> int:
        """How many samples of the stream there are with it."""
        return self.start + len(self.data) // 2


class JoinedBlocks:
    """One device's blocks as a stream at another rate (Hz)."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: SincResampler | None = None
        self._end: int | None = None

    def follows(self, block: SoundBlock) -> bool:
        """Whether nothing was lost between the block and the last one that was fed."""
        return block.start == self._end

    def feed(self, block: SoundBlock) -> FloatAudio:
        """float32 [n]: what is ready of it now. Where it does not follow the last one, a new stream begins."""
        if self._resampler is None or not self.follows(block):
            self._resampler = SincResampler(block.rate, self._rate)
        self._end = block.end
        return self._resampler.feed(block.samples)
