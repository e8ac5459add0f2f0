"""The silence at the start of a reply."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.audio.quiet_start import AUDIBLE, KEPT, MOST, QuietStart

QUIET, LOUD = int(AUDIBLE), int(AUDIBLE) + 1


def audio(*spans: tuple[int, int]) -> np.ndarray:
    """(samples, their value) after each other."""
    return np.concatenate([np.full(count, value, dtype=np.int16) for count, value in spans])


def trimmed(samples: np.ndarray, block: int) -> np.ndarray:
    start = QuietStart()
    blocks = [start.without(samples[at : at + block]) for at in range(0, len(samples), block)]
    return np.concatenate([*blocks, np.zeros(0, dtype=np.int16)])


@pytest.mark.parametrize("block", [1, 50, KEPT, 1_000, 10**6])
@pytest.mark.parametrize("value", [LOUD, -LOUD, -32_768])
def test_what_comes_before_the_first_sound_is_dropped_but_for_a_moment(block, value):
    sound = audio((300, value), (4_000, 0), (10, value))
    for silence in (0, 1, KEPT, KEPT + 1, 3_000):
        expected = audio((min(silence, KEPT), QUIET), (len(sound), 0))
        expected[len(expected) - len(sound) :] = sound
        assert np.array_equal(trimmed(np.concatenate([audio((silence, QUIET)), sound]), block), expected)


@pytest.mark.parametrize("block", [777, 10**6])
def test_a_long_silence_is_meant(block):
    samples = audio((MOST + 5_000, 0), (10, LOUD))
    assert len(trimmed(samples, block)) == 5_010


def test_silence_alone_may_be_nothing():
    assert len(trimmed(audio((1_000, -QUIET)), 100)) == 0
    assert len(trimmed(audio((0, 0)), 1)) == 0


@given(st.lists(st.sampled_from([0, QUIET, LOUD, -LOUD]), max_size=40), st.integers(1, 50), st.integers(0, 3_000))
def test_nothing_audible_is_lost_and_blocks_change_nothing(values, block, silence):
    samples = np.concatenate([audio((silence, 0)), np.array(values, dtype=np.int16)])
    left = trimmed(samples, block)
    assert np.array_equal(samples[len(samples) - len(left) :], left) or not np.any(np.abs(samples) > AUDIBLE)
    assert np.sum(np.abs(left) > AUDIBLE) == np.sum(np.abs(samples) > AUDIBLE)
    if len(left):
        assert np.array_equal(left, trimmed(samples, len(samples)))
