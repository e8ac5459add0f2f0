"""Resampling in blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.audio.resampling import StreamResampler, resample


def sine(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize(
    ("from_rate", "to_rate"), [(22_050, 44_100), (8_000, 16_000), (24_000, 44_100), (48_000, 44_100)]
)
def test_a_sine_stays_a_sine(from_rate, to_rate):
    out = resample(sine(from_rate), from_rate, to_rate)
    assert abs(len(out) - to_rate) <= 1
    middle = slice(to_rate // 10, -to_rate // 10)
    assert np.abs(out[middle] - sine(to_rate)[: len(out)][middle]).max() < 1e-3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5_000), max_size=10))
def test_block_borders_cannot_be_heard(cuts):
    audio, stream, out, position = sine(22_050), StreamResampler(22_050, 44_100), [], 0
    for cut in cuts:
        out.append(stream.feed(audio[position : position + cut]))
        position += cut
    out.append(stream.feed(audio[position:], last=True))
    assert np.abs(np.concatenate(out) - resample(audio, 22_050, 44_100)).max() < 1e-6


def test_the_same_rate_is_untouched():
    audio = sine(16_000)
    assert resample(audio, 16_000, 16_000) is audio


@pytest.mark.parametrize(("from_rate", "to_rate"), [(8_000, 16_000), (22_050, 44_100), (16_000, 16_000)])
def test_nothing_becomes_nothing(from_rate, to_rate):
    out = resample(np.zeros(0, dtype=np.float32), from_rate, to_rate)
    assert out.dtype == np.float32
    assert len(out) == 0


def test_a_view_with_gaps_and_another_type_are_taken():
    audio = sine(22_050)
    for other in (np.repeat(audio, 2)[::2], audio.astype(np.float64)):
        assert np.array_equal(resample(other, 22_050, 44_100), resample(audio, 22_050, 44_100))
