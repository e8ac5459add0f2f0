"""Rooms that are none: what a microphone hears of a loudspeaker in them, for tests and benchmarks of the echo."""

from __future__ import annotations

import numpy as np

from utils.audio.samples import FloatAudio

REVERBERATION_S = 0.15  # until it has fallen by 60 dB: a furnished room, heard from near
DIRECT = 10.0  # how much louder the direct sound is than the reverberation's first samples: 20 dB


def impulse_response(delay_ms: float, attenuation_db: float, rate: int, seed: int = 0) -> FloatAudio:
    """float32 [n]: silence for the delay, the direct sound, and reverberation, whose energy together is attenuated."""
    count = round(REVERBERATION_S * rate)
    decay = 10.0 ** (-3.0 * np.arange(count) / count)
    response = np.random.default_rng(seed).normal(0.0, 1.0, count) * decay
    response[0] = DIRECT
    response *= 10.0 ** (-attenuation_db / 20.0) / np.linalg.norm(response)
    return np.concatenate([np.zeros(round(delay_ms * rate / 1_000)), response]).astype(np.float32)


def convolve(audio: FloatAudio, response: FloatAudio) -> FloatAudio:
    """float32 [n + m - 1] of float32 [n] and [m], through the spectrum."""
    count = len(audio) + len(response) - 1
    size = 1 << (count - 1).bit_length()
    product = np.fft.rfft(audio, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[:count].astype(np.float32)


def echo_of(audio: FloatAudio, delay_ms: float, attenuation_db: float, rate: int) -> FloatAudio:
    """float32 [n]: what of float32 [n] comes back to a microphone meanwhile."""
    return convolve(audio, impulse_response(delay_ms, attenuation_db, rate))[: len(audio)]


class LiveEcho:
    """The same, for audio that comes in blocks: float32 [n] → float32 [n]."""

    def __init__(self, delay_ms: float, attenuation_db: float, rate: int) -> None:
        self._response = impulse_response(delay_ms, attenuation_db, rate)
        self._tail = np.zeros(len(self._response) - 1, dtype=np.float32)

    def feed(self, block: FloatAudio) -> FloatAudio:
        """What comes back while the block sounds."""
        sum_ = convolve(block, self._response)
        sum_[: len(self._tail)] += self._tail
        self._tail = sum_[len(block) :]
        return sum_[: len(block)]


def level_db(audio: FloatAudio) -> float:
    """The mean power in dBFS; -120 for silence."""
    return 10.0 * float(np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-12))
