"""Audio by absolute sample numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from utils.audio_timeline import AudioTimeline

RATE = 16_000


@given(st.lists(st.integers(0, 700), max_size=40), st.integers(0, 9_000), st.integers(0, 9_000), st.integers(0, 9_000))
def test_it_is_the_end_of_a_long_array(sizes, dropped, start, end):
    timeline, whole = AudioTimeline(RATE), np.zeros(0, dtype=np.float32)
    for size in sizes:
        block = np.arange(len(whole), len(whole) + size, dtype=np.float32)
        timeline.append(block, 0.0)
        whole = np.concatenate([whole, block])
    timeline.drop_before(dropped)
    assert timeline.end == len(whole)
    assert timeline.start <= max(0, min(dropped, len(whole)))
    start = max(start, timeline.start)
    assert timeline.audio(start, end).tolist() == whole[start:end].tolist()


def test_when_a_sample_was_spoken():
    timeline = AudioTimeline(RATE)
    timeline.append(np.zeros(RATE, dtype=np.float32), 1.0)
    timeline.append(np.zeros(RATE, dtype=np.float32), 2.5)
    assert timeline.time_of(RATE) == 1.0
    assert timeline.time_of(RATE // 2) == 0.5
    assert timeline.time_of(2 * RATE) == 2.5
    assert timeline.time_of(RATE + RATE // 2) == 2.0


def test_tiny_blocks_are_joined():
    timeline = AudioTimeline(RATE)
    for number in range(RATE):
        timeline.append(np.full(1, number, dtype=np.float32), number / RATE)
    assert len(timeline._blocks) <= 40
    assert timeline.audio(100, 103).tolist() == [100.0, 101.0, 102.0]
