"""Telephone speech: samples of 8 bits on a nearly logarithmic scale, ITU-T G.711's μ-law and A-law."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.audio.samples import FloatAudio

MU_BIAS = 132  # on the scale of 16 bits
FULL_SCALE = 32_768.0


def from_mu_law(data: Any) -> FloatAudio:
    """float32 [n], -1..1, of n bytes."""
    return _MU_LAW[np.frombuffer(data, dtype=np.uint8)]


def from_a_law(data: Any) -> FloatAudio:
    """float32 [n], -1..1, of n bytes."""
    return _A_LAW[np.frombuffer(data, dtype=np.uint8)]


def _mu_law_table() -> FloatAudio:
    code = ~np.arange(256, dtype=np.uint8)
    segment, step = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = ((step << 3) + MU_BIAS << segment) - MU_BIAS
    return (np.where(code & 128, -magnitude, magnitude) / FULL_SCALE).astype(np.float32)


def _a_law_table() -> FloatAudio:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    segment, step = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    middle = (step << 4) + 8  # of the interval that the code stands for
    magnitude = np.where(segment == 0, middle, middle + 256 << np.maximum(segment - 1, 0))
    return (np.where(code & 128, magnitude, -magnitude) / FULL_SCALE).astype(np.float32)


_MU_LAW, _A_LAW = _mu_law_table(), _a_law_table()
