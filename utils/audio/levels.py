"""How loud somebody speaks, whatever pauses are in it."""

from __future__ import annotations

import math

import numpy as np

from utils.audio.samples import FloatAudio

FRAME = 512  # samples: 32 ms at 16 kHz
LOUD = 0.9  # of the frames are quieter than the level that counts: vowels, and no pauses


def speech_level(audio: FloatAudio) -> float:
    """The level of the loud parts of float32 [n], -1..1, 16 kHz, in dBFS; -inf for silence, or less than a frame."""
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME)
    if not len(frames):
        return -math.inf
    power = float(np.quantile(np.mean(np.square(frames, dtype=np.float64), axis=1), LOUD))
    return 10 * math.log10(power) if power > 0 else -math.inf
