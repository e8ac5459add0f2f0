"""Which frames are quiet."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.vad.loudness import Loudness, decibels

FRAME = 512


def tone(level: float) -> np.ndarray:
    """A frame of so many dBFS; -inf is digital silence."""
    if math.isinf(level):
        return np.zeros(FRAME, dtype=np.float32)
    return np.full(FRAME, 10 ** (level / 20), dtype=np.float32)


def quiet(*levels: float) -> list[bool]:
    loudness = Loudness(32.0)
    return [loudness.is_quiet(level) for level in levels]


@pytest.mark.parametrize("level", [0.0, -10.0, -60.0, -math.inf])
def test_decibels(level):
    assert decibels(tone(level)) == pytest.approx(level, abs=0.01)


def test_no_samples_are_silence():
    assert decibels(np.zeros(0, dtype=np.float32)) == -math.inf


@pytest.mark.parametrize(
    ("noise", "level", "expected"),
    [
        (-math.inf, -44, False),  # the end of a word
        (-math.inf, -46, True),
        (-math.inf, -math.inf, True),
        (-40, -39, True),  # the room
        (-40, -33, False),
        (-22, -22, False),  # so loud a room is never quiet
        (-30, -26, True),
    ],
)
def test_after_speech_at_10_below_full_scale(noise, level, expected):
    assert quiet(*[noise] * 40, *[-10.0] * 20, level)[-1] is expected


def test_nothing_is_quiet_before_anything_was_loud():
    assert not any(quiet(-60.0, -60.0, -60.0, -math.inf, -math.inf)[:3])


def test_speech_is_forgotten_after_two_seconds_and_a_quiet_voice_is_loud_then():
    assert quiet(-10.0, *[-50.0] * 61)[-1]
    assert not quiet(-10.0, *[-50.0] * 63)[-1]


# Multiples of 4 dB are never exactly at one of the thresholds.
@given(st.lists(st.integers(-20, 0).map(lambda level: 4.0 * level), min_size=1, max_size=60), st.floats(-20, 0))
def test_how_loud_everything_is_makes_no_difference(levels, change):
    assert quiet(*levels) == quiet(*(level + change for level in levels))


@given(st.lists(st.floats(-80, 0), min_size=1, max_size=60))
def test_the_loudest_frame_is_never_quiet(levels):
    assert not quiet(*levels, max(levels))[-1]
