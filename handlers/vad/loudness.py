"""Whether a frame is quiet, by its level alone.

The level falls as soon as the sound is gone, silero's probability only 70 to 120 ms after the last audible sample. A
quiet frame does not prove that somebody is done, but it is reason enough to begin to transcribe what was said.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from utils.audio.samples import FloatAudio

SPEECH_S = 2.0  # the loudest frame of so long is the level of the speech
NOISE_S = 5.0  # the quietest frame of so long is that of the room
# Of the bundled voice, whose vowels are at -10 dBFS, the quietest ends of words ("s", "f", "t") are at -40.
BELOW_SPEECH_DB = 35.0
ABOVE_NOISE_DB = 6.0  # a room is not equally quiet at all times
LEAST_RANGE_DB = 15.0  # where the room is louder, nothing is quiet


class Loudness:
    """Compares each frame's level with those of the speech and of the room. frame_ms: the length of a frame."""

    def __init__(self, frame_ms: float) -> None:
        self._speech: deque[float] = deque(maxlen=round(SPEECH_S * 1000 / frame_ms))
        self._noise: deque[float] = deque(maxlen=round(NOISE_S * 1000 / frame_ms))

    def is_quiet(self, level: float) -> bool:
        """Whether the next frame, whose level is given in dBFS, is quiet beside those before it."""
        self._speech.append(level)
        self._noise.append(level)
        speech, noise = max(self._speech), min(self._noise)
        return level < min(max(speech - BELOW_SPEECH_DB, noise + ABOVE_NOISE_DB), speech - LEAST_RANGE_DB)


def decibels(audio: FloatAudio) -> float:
    """The level of float32 [n], dBFS; -inf for digital silence."""
    power = float(np.mean(np.square(audio))) if len(audio) else 0.0
    return 10 * math.log10(power) if power > 0 else -math.inf
