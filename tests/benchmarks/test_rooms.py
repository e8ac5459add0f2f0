"""The rooms of the echo's tests: as loud, as late and as they say, in blocks or at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rooms import LiveEcho, echo_of, impulse_response, level_db

RATE = 16_000
NOISE = np.random.default_rng(1).normal(0, 0.1, RATE).astype(np.float32)


@pytest.mark.parametrize("delay_ms", [0, 20, 200])
@pytest.mark.parametrize("attenuation_db", [0, 10, 20])
def test_the_echo_comes_when_it_should_and_as_loud(delay_ms, attenuation_db):
    delay = delay_ms * RATE // 1_000
    response = impulse_response(delay_ms, attenuation_db, RATE)
    assert not response[:delay].any()
    assert np.argmax(np.abs(response)) == delay
    echo = echo_of(NOISE, delay_ms, attenuation_db, RATE)
    assert len(echo) == len(NOISE)
    assert level_db(echo[delay:]) == pytest.approx(level_db(NOISE) - attenuation_db, abs=1.0)


@settings(deadline=None, max_examples=20)
@given(cuts=st.lists(st.integers(1, len(NOISE) - 1), max_size=8, unique=True))
def test_in_blocks_it_is_the_same(cuts):
    room = LiveEcho(30, 6, RATE)
    parts = [room.feed(part) for part in np.split(NOISE, sorted(cuts))]
    np.testing.assert_allclose(np.concatenate(parts), echo_of(NOISE, 30, 6, RATE), atol=1e-5)


def test_levels():
    assert level_db(np.ones(4, dtype=np.float32)) == pytest.approx(0.0, abs=1e-6)
    assert level_db(np.zeros(4, dtype=np.float32)) == -120.0
