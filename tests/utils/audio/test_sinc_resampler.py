"""The client's resampler: exact in time, quiet in error, the same however its input is cut."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.audio.sinc_resampler import SincResampler, resample_whole

PAIRS = [
    (44_100, 48_000),
    (48_000, 44_100),
    (16_000, 44_100),
    (44_100, 16_000),
    (48_000, 16_000),
    (22_050, 16_000),
    (16_000, 8_000),
]


def sine(rate: int, hertz: float, seconds: float = 0.3) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def level_db(audio: np.ndarray) -> float:
    return 10 * math.log10(float(np.mean(np.square(audio, dtype=np.float64))) + 1e-20)


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.8])
def test_a_sine_stays_that_sine(from_rate, to_rate, share):
    hertz = share * min(from_rate, to_rate) / 2
    got, wanted = resample_whole(sine(from_rate, hertz), from_rate, to_rate), sine(to_rate, hertz)
    edge = to_rate // 50  # the filter looks past the ends, where the sine is cut off
    middle = slice(edge, len(wanted) - edge)
    assert level_db(got[middle] - wanted[middle]) < -75  # of full scale; 16-bit audio with dither is at about -93


@pytest.mark.parametrize(("from_rate", "to_rate"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_what_the_lower_rate_can_not_hold_is_gone(from_rate, to_rate):
    hertz = min(1.1 * to_rate / 2, 0.98 * from_rate / 2)
    got = resample_whole(sine(from_rate, hertz), from_rate, to_rate)
    assert level_db(got[to_rate // 50 : -to_rate // 50]) < -75


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
@pytest.mark.parametrize("length", [0, 1, 2, 160, 1_001])
def test_the_length_is_that_of_the_same_time(from_rate, to_rate, length):
    got = resample_whole(np.ones(length, dtype=np.float32), from_rate, to_rate)
    assert got.dtype == np.float32
    assert len(got) == math.ceil(length * to_rate / from_rate)


def test_a_constant_stays_that_constant():
    got = resample_whole(np.full(4_000, 0.5, dtype=np.float32), 16_000, 44_100)
    assert np.allclose(got[500:-500], 0.5, atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(PAIRS), st.lists(st.integers(min_value=0, max_value=700), max_size=8), st.integers(0, 2**32 - 1))
def test_it_does_not_matter_how_the_input_is_cut(pair, sizes, seed):
    audio = np.random.default_rng(seed).uniform(-1, 1, sum(sizes)).astype(np.float32)
    resampler = SincResampler(*pair)
    parts = [resampler.feed(block) for block in np.split(audio, np.cumsum(sizes)[:-1])] if sizes else []
    got = np.concatenate([*parts, resampler.flush()])
    assert np.allclose(got, resample_whole(audio, *pair), atol=1e-6)


def test_it_holds_back_no_more_than_half_its_filter():
    resampler = SincResampler(16_000, 44_100)
    ready = sum(len(resampler.feed(np.zeros(160, dtype=np.float32))) for _ in range(10))
    assert math.ceil(1_600 * 44_100 / 16_000) - ready <= math.ceil(33 * 44_100 / 16_000)


def test_after_a_flush_a_new_stream_begins():
    resampler, audio = SincResampler(44_100, 48_000), sine(44_100, 1_000, 0.05)
    first = np.concatenate([resampler.feed(audio), resampler.flush()])
    second = np.concatenate([resampler.feed(audio), resampler.flush()])
    assert np.array_equal(first, second)
    assert len(resampler.flush()) == 0


def test_one_rate_is_no_work():
    audio = sine(16_000, 100)
    assert np.array_equal(resample_whole(audio, 16_000, 16_000), audio)


@pytest.mark.parametrize("rates", [(0, 16_000), (16_000, -1)])
def test_rates_are_positive(rates):
    with pytest.raises(ValueError, match="no sample rates"):
        SincResampler(*rates)
