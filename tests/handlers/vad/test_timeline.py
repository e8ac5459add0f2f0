"""Audio by absolute sample numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from handlers.vad.timeline import AudioTimeline

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
    assert len(timeline._blocks) == len(timeline._arrivals) <= 40
    assert timeline.audio(100, 103).tolist() == [100.0, 101.0, 102.0]


@given(st.lists(st.tuples(st.integers(500, 2_000), st.floats(0.01, 2)), min_size=1, max_size=20))
def test_time_passes_with_the_samples(blocks):
    """Each block's last sample was spoken when it arrived; within a block, a sample takes 1/rate; after it, too."""
    timeline, now = AudioTimeline(RATE), 0.0
    for size, wait in blocks:
        now += wait
        timeline.append(np.zeros(size, dtype=np.float32), now)
        assert timeline.time_of(timeline.end) == now
        assert abs(timeline.time_of(timeline.end - size + 1) - (now - (size - 1) / RATE)) < 1e-9
        assert abs(timeline.time_of(timeline.end + RATE) - (now + 1)) < 1e-9


def test_an_empty_block_is_no_arrival():
    timeline = AudioTimeline(RATE)
    timeline.append(np.ones(RATE, dtype=np.float32), 1.0)
    timeline.append(np.zeros(0, dtype=np.float32), 9.0)
    assert timeline.time_of(RATE) == 1.0
    assert timeline.end == RATE


def test_audio_beyond_what_is_there_is_left_out():
    timeline = AudioTimeline(RATE)
    assert timeline.audio(0, 10).tolist() == []
    timeline.append(np.arange(4_000, dtype=np.float32), 1.0)
    assert timeline.audio(3_998, 9_000).tolist() == [3_998.0, 3_999.0]
    assert timeline.audio(3, 3).tolist() == []
    timeline.drop_before(10**9)
    assert timeline.start == timeline.end == 4_000
    assert timeline.audio(0, 4_000).dtype == np.float32


def test_what_was_dropped_is_let_go():
    timeline = AudioTimeline(RATE)
    for _ in range(1_000):
        timeline.append(np.zeros(512, dtype=np.float32), 0.0)
        timeline.drop_before(timeline.end - RATE)
    assert len(timeline._blocks) == len(timeline._arrivals) <= 40
