"""The size of chunks, and a listener who must never wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.parler.chunks import BEHIND, LARGEST, LEAST, ChunkRule, Costs

FRAME_S = 512 / 44_100


@given(
    factor=st.floats(0.01, 0.7),
    share=st.floats(0, 1),
    fixed=st.floats(0, 0.01),
    first=st.integers(17, 60),
    chunks=st.integers(1, 60),
)
def test_the_listener_never_waits(factor, share, fixed, first, chunks):
    """factor: of real time that making a frame takes; share: the codec's part of it."""
    making = factor * FRAME_S
    costs = Costs(step=making * (1 - share), codec_fixed=fixed, codec_frame=making * share)
    rule = ChunkRule(costs, FRAME_S)
    sent, now = first * FRAME_S, 0.0  # he begins to hear at 0
    for _ in range(chunks):
        frames = rule.next(max(0.0, sent - now))
        assert LEAST <= frames <= LARGEST
        now += fixed + frames * making
        assert now <= sent
        sent += frames * FRAME_S


@given(st.floats(0.02, 0.5))
def test_chunks_grow_to_the_largest_and_stay(factor):
    rule = ChunkRule(Costs(factor * FRAME_S, 0.0, 0.0), FRAME_S)
    ahead = 17 * FRAME_S
    sizes = []
    for _ in range(60):
        sizes.append(rule.next(ahead))
        ahead += sizes[-1] * FRAME_S * (1 - factor)
    assert sizes == sorted(sizes)
    assert sizes[-1] == LARGEST


@pytest.mark.parametrize(
    ("costs", "ahead_s", "frames"),
    [
        (Costs(0.070, 0.02, 0.014), 0.0, BEHIND),  # slower than real time
        (Costs(0.070, 0.02, 0.014), 9.0, BEHIND),
        (Costs(0.002, 0.005, 0.0), 0.2, 77),
        (Costs(0.002, 0.005, 0.0), 0.0, LEAST),
        (Costs(0.002, 0.005, 0.0), 9.0, LARGEST),
        (Costs(0.0, 0.0, 0.0), 0.0, LARGEST),
    ],
)
def test_sizes(costs, ahead_s, frames):
    assert ChunkRule(costs, FRAME_S).next(ahead_s) == frames
