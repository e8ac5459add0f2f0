"""What Whisper, and networks with its encoder, hear: the log-mel spectrogram of Radford et al. 2022
(https://arxiv.org/abs/2212.04356), with its frequencies on Slaney's mel scale. In NumPy, so that it needs no PyTorch.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from utils.audio.samples import FloatAudio

RATE = 16_000  # Hz
FRAME, HOP = 400, 160  # samples
BREAK_HZ, BREAK_MEL = 1_000.0, 15.0  # the scale is linear below, logarithmic above
MELS_A_LOG = 27.0 / np.log(6.4)
SMALLEST_POWER = 1e-10
DYNAMIC_RANGE = 8.0  # powers of ten below the loudest
TINY_VARIANCE = 1e-7


def log_mel(audio: FloatAudio, bins: int = 80) -> NDArray[np.float32]:
    """float32 [bins, n // 160] of float32 [n], 16 kHz, n at least 201. Its values are about -1 to 1."""
    padded = np.pad(audio, FRAME // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[: len(audio) // HOP * HOP : HOP]
    spectrum = np.fft.rfft(frames * _window())
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    levels = np.log10(np.maximum(_filters(bins) @ power.T, SMALLEST_POWER))
    levels = np.maximum(levels, levels.max() - DYNAMIC_RANGE)
    return ((levels + 4.0) / 4.0).astype(np.float32)


def normalized(audio: FloatAudio) -> FloatAudio:
    """The same with mean 0 and variance 1."""
    return ((audio - audio.mean()) / np.sqrt(audio.var() + TINY_VARIANCE)).astype(np.float32)


@functools.cache
def _window() -> NDArray[np.float64]:
    """Hann's, periodic."""
    return np.hanning(FRAME + 1)[:-1]


@functools.cache
def _filters(bins: int) -> NDArray[np.float64]:
    """[bins, 201]: triangles of equal area, their corners at equal distances on the mel scale."""
    corners = _hertz(np.linspace(0.0, float(_mel(RATE / 2)), bins + 2))
    frequencies = np.linspace(0.0, RATE / 2, FRAME // 2 + 1)
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (high - low)


def _mel(hertz: float) -> float:
    if hertz < BREAK_HZ:
        return BREAK_MEL * hertz / BREAK_HZ
    return float(BREAK_MEL + np.log(hertz / BREAK_HZ) * MELS_A_LOG)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = BREAK_HZ * np.exp((mel - BREAK_MEL) / MELS_A_LOG)
    return np.where(mel < BREAK_MEL, BREAK_HZ * mel / BREAK_MEL, above)
