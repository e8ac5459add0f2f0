"""The residue's gate: closed where only an echo was, open where anybody speaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.client.echo.residue import FRAMES, MOST_TAKEN_DB, ResidueGate

FRAME = np.random.default_rng(0).normal(0, 0.1, 160).astype(np.float32)


def quieter(db: float) -> np.ndarray:
    return FRAME * np.float32(10 ** (-db / 20))


@given(taken=st.floats(0, 80).filter(lambda db: abs(db - MOST_TAKEN_DB) > 0.1))
def test_what_is_left_of_an_echo_is_silenced_and_what_is_not_one_passes_unchanged(taken):
    gate, after = ResidueGate(), quieter(taken)
    for _ in range(2 * FRAMES):
        out = gate.feed(FRAME, after)
        np.testing.assert_array_equal(out, np.zeros_like(after) if taken > MOST_TAKEN_DB else after)


def test_it_opens_with_the_first_frame_in_which_somebody_speaks():
    gate = ResidueGate()
    for _ in range(50):
        assert not gate.feed(FRAME, quieter(60)).any()
    assert gate.feed(FRAME, quieter(3)).any()


def test_between_two_sounds_it_stays_open_for_a_moment():
    gate = ResidueGate()
    gate.feed(FRAME, FRAME)
    opened = [bool(gate.feed(FRAME, quieter(60)).any()) for _ in range(FRAMES)]
    assert opened == [True] * (FRAMES - 1) + [False]


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_silence_passes_as_it_is(level):
    frame = (FRAME * level).astype(np.float32)
    np.testing.assert_array_equal(ResidueGate().feed(frame, frame), frame)
