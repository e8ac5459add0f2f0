"""Blocks of a sound card's callbacks: what they hold, and how they join."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.audio.sinc_resampler import resample_whole
from utils.client.echo.sound_blocks import JoinedBlocks, SoundBlock

WAVE = (8_000 * np.sin(np.arange(4_410) / 20)).astype("<i2")


def block(samples: np.ndarray, start: int = 0, rate: int = 44_100) -> SoundBlock:
    return SoundBlock(samples.tobytes(), rate, start, arrived=1.0, delay_s=0.05)


def test_a_block_knows_its_samples_and_its_length():
    made = block(np.array([0, 16_384, -32_768], dtype="<i2"), start=7, rate=3)
    assert made.samples.tolist() == [0.0, 0.5, -1.0]
    assert (made.end, made.seconds) == (10, 1.0)


@given(cuts=st.lists(st.integers(0, len(WAVE)), max_size=6), rate=st.sampled_from([16_000, 44_100, 48_000]))
def test_joined_they_are_the_stream_however_it_was_cut(cuts, rate):
    joined, parts = JoinedBlocks(rate), []
    edges = [0, *sorted(cuts), len(WAVE)]
    for start, end in pairwise(edges):
        assert start == 0 or joined.follows(block(WAVE[start:end], start))
        parts.append(joined.feed(block(WAVE[start:end], start)))
    got = np.concatenate(parts)
    whole = resample_whole(block(WAVE).samples, 44_100, rate)
    assert len(whole) - 40 <= len(got) <= len(whole)
    np.testing.assert_allclose(got, whole[: len(got)], atol=1e-5)


@pytest.mark.parametrize("start", [99, 101, 0])
def test_where_something_is_lost_a_new_stream_begins(start):
    joined, anew = JoinedBlocks(16_000), JoinedBlocks(16_000)
    joined.feed(block(WAVE[:100]))
    last = block(WAVE[100:], start)
    assert not joined.follows(last)
    np.testing.assert_array_equal(joined.feed(last), anew.feed(last))
