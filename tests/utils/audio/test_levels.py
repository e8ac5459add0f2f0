"""How loud somebody speaks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from utils.audio.levels import speech_level


@pytest.mark.parametrize("silent", [0, 16_000, 4 * 16_000])
@pytest.mark.parametrize("gain_db", [0, -20, -40])
def test_pauses_and_length_do_not_matter(say, silent, gain_db):
    speech = say("What is the capital of France?")
    audio = np.concatenate([speech * 10 ** (gain_db / 20), np.zeros(silent // 8, dtype=np.float32)])
    assert speech_level(audio) == pytest.approx(speech_level(speech) + gain_db, abs=2.5)


def test_a_tone():
    assert speech_level(np.sin(np.arange(16_000, dtype=np.float32))) == pytest.approx(-3.01, abs=0.1)


@pytest.mark.parametrize("samples", [0, 100, 16_000])
def test_silence(samples):
    assert speech_level(np.zeros(samples, dtype=np.float32)) == -math.inf
