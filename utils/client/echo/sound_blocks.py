"""Blocks of samples as the callbacks of a sound card see them, and the blocks of one device joined to a stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.audio.samples import FloatAudio
from utils.audio.sinc_resampler import SincResampler
from utils.audio.wire import FULL_SCALE


@dataclass(frozen=True)
class SoundBlock:
    """The samples that one callback moved."""

    data: bytes
    """16-bit mono samples."""

    rate: int
    """The rate of the device, Hz."""

    start: int
    """How many samples of the stream came before."""

    arrived: float
    """When the callback ran, seconds."""

    delay_s: float
    """Seconds between the callback and the sound. For a played block: until its first sample sounds. For a captured
    block: since its last sample sounded."""

    @property
    def samples(self) -> FloatAudio:
        """The samples, float32 [n], -1..1."""
        return np.frombuffer(self.data, dtype="<i2").astype(np.float32) / np.float32(FULL_SCALE)

    @property
    def seconds(self) -> float:
        """How many seconds the block lasts."""
        return len(self.data) / 2 / self.rate

    @property
    def end(self) -> int:
        """How many samples of the stream there are, with this block."""
        return self.start + len(self.data) // 2


class JoinedBlocks:
    """Joins the blocks of one device to a stream at another rate (Hz)."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: SincResampler | None = None
        self._end: int | None = None

    def follows(self, block: SoundBlock) -> bool:
        """Whether the block follows the last one that was fed, and no samples are missing."""
        return block.start == self._end

    def feed(self, block: SoundBlock) -> FloatAudio:
        """The samples that are ready, float32 [n]. A block that does not follow the last one begins a new stream."""
        if self._resampler is None or not self.follows(block):
            self._resampler = SincResampler(block.rate, self._rate)
        self._end = block.end
        return self._resampler.feed(block.samples)
