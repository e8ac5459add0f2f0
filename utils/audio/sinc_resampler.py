"""Resamples audio that comes in blocks, with numpy only. The client uses it.

The method is a polyphase windowed-sinc filter with linear phase: see J. O. Smith, "Digital Audio Resampling". The
output does not depend on how the input is cut into blocks.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from utils.audio.samples import FloatAudio

ZERO_CROSSINGS = 32  # of the sinc, on each side: the response is flat up to 0.9 of the lower Nyquist frequency
KAISER_BETA = 9.0  # the sidelobes are below -90 dB, which is less than the usual dither noise of 16-bit samples
ROLLOFF = 0.95  # the cut-off, as a share of the lower Nyquist frequency: half of the transition is above it
BLOCK = 2_048  # how many outputs are computed at a time, which limits the memory


class SincResampler:
    """Resamples one stream of float32, mono. from_rate, to_rate: Hz, positive integers. Raises ValueError for others.

    Output sample n belongs to the input position n · from_rate / to_rate, so nothing is shifted in time. It is ready
    when half a filter of input after that position has come (32 samples of the lower rate).
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        if from_rate <= 0 or to_rate <= 0:
            raise ValueError(f"no sample rates: {from_rate} and {to_rate}")
        divisor = math.gcd(from_rate, to_rate)
        self._up, self._down = to_rate // divisor, from_rate // divisor
        self._half = math.ceil(ZERO_CROSSINGS * max(1.0, from_rate / to_rate))
        self._filters = _filters(self._up, self._half, min(1.0, to_rate / from_rate) * ROLLOFF)
        self._received = 0  # input samples
        self._made = 0  # output samples
        self._first = 1 - self._half  # the number, among the input samples, of `_pending[0]`
        self._pending = self._silence()

    def feed(self, block: FloatAudio) -> FloatAudio:
        """Take float32 [n] and return the samples that are ready, float32 [m]."""
        if self._up == self._down:
            return block
        self._received += len(block)
        self._pending = np.concatenate([self._pending, block.astype(np.float32, copy=False)])
        # The last input that a whole filter fits around is at `_half` samples before the end.
        return self._produce(self._outputs_before(self._received - self._half))

    def flush(self) -> FloatAudio:
        """The rest of the stream, float32 [m], as if silence followed. The next block starts a new stream."""
        if self._up == self._down:
            return np.zeros(0, dtype=np.float32)
        self._pending = np.concatenate([self._pending, np.zeros(self._half, dtype=np.float32)])
        rest = self._produce(self._outputs_before(self._received))
        self._received, self._made, self._first, self._pending = 0, 0, 1 - self._half, self._silence()
        return rest

    def _silence(self) -> FloatAudio:
        return np.zeros(self._half - 1, dtype=np.float32)  # what the first filter sees before the stream

    def _outputs_before(self, position: int) -> int:
        """How many output samples belong to positions before this input position."""
        return max(0, -(-position * self._up // self._down))

    def _produce(self, end: int) -> FloatAudio:
        parts = [self._block(start, min(start + BLOCK, end)) for start in range(self._made, end, BLOCK)]
        self._made = max(self._made, end)
        used = self._made * self._down // self._up - self._half + 1 - self._first
        if used > 0:
            self._pending = self._pending[used:].copy()
            self._first += used
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def _block(self, start: int, end: int) -> FloatAudio:
        positions = np.arange(start, end, dtype=np.int64) * self._down
        whole, phases = positions // self._up, positions % self._up
        windows = sliding_window_view(self._pending, 2 * self._half)[whole - self._half + 1 - self._first]
        return np.einsum("ij,ij->i", windows, self._filters[phases]).astype(np.float32, copy=False)


def _filters(phases: int, half: int, cutoff: float) -> NDArray[np.float32]:
    """The filters, float32 [phases, 2 · half]. Number p is for an output that is p / phases after input `half - 1`.

    cutoff: the cut-off, as a share of the input's Nyquist frequency.
    """
    offsets = np.arange(2 * half)[None, :] - (half - 1) - np.arange(phases)[:, None] / phases
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1.0 - (offsets / half) ** 2, 0.0, 1.0))) / np.i0(KAISER_BETA)
    taps = cutoff * np.sinc(cutoff * offsets) * window
    return (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)


def resample_whole(audio: FloatAudio, from_rate: int, to_rate: int) -> FloatAudio:
    """The whole audio, float32 [n], at another rate (Hz): float32 [⌈n · to_rate / from_rate⌉]."""
    resampler = SincResampler(from_rate, to_rate)
    return np.concatenate([resampler.feed(audio), resampler.flush()])
