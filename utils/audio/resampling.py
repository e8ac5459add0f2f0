"""Resamples audio that comes in blocks, without clicks at their borders. soxr keeps the state of the filter."""

from __future__ import annotations

import numpy as np
import soxr

from utils.audio.samples import FloatAudio


class StreamResampler:
    """Resamples one stream of float32 blocks, mono. from_rate, to_rate: Hz."""

    def __init__(self, from_rate: float, to_rate: float) -> None:
        same = from_rate == to_rate
        self._stream = None if same else soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")

    def feed(self, block: FloatAudio, last: bool = False) -> FloatAudio:
        """Take float32 [n], and return the samples that are ready, float32 [m]. last: the stream ends here."""
        block = np.ascontiguousarray(block, dtype=np.float32)
        return block if self._stream is None else self._stream.resample_chunk(block, last=last)


def resample(audio: FloatAudio, from_rate: float, to_rate: float) -> FloatAudio:
    """The whole audio, float32 [n], at another rate. from_rate, to_rate: Hz."""
    return StreamResampler(from_rate, to_rate).feed(audio, last=True)
