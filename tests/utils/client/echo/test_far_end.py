"""The reference's pace: it is never behind its echo, keeps up with clocks that differ, and hardly ever moves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.client.echo.far_end import JUMP_S, PERIOD_S, RESERVE_S, SLACK_S, FarEnd

RATE, FRAME = 16_000, 160


def counting(start: int, count: int) -> np.ndarray:
    return np.arange(start + 1, start + count + 1, dtype=np.float32)  # 0 is silence that was made up


class World:
    """A speaker and a microphone that call back in blocks of their own sizes; all times in seconds.

    late(index) → how late the speaker's block is. speed: of the speaker's clock, against the microphone's.
    """

    def __init__(self, playing: int = 370, capturing: int = 1_024, speed: float = 1.0, late=lambda index: 0.0) -> None:
        self.playing, self.capturing, self.speed, self.late = playing, capturing, speed, late
        self.far = FarEnd(RATE, FRAME)
        self.blocks = self.captured = self.frames = 0
        self.ahead: list[float] = []  # of each frame: how long after it left the next sample would be handed over

    def run(self, seconds: float) -> list[np.ndarray]:
        taken = []
        end = self.captured + int(seconds * RATE)
        while self.captured < end:
            self.captured += self.capturing
            now = self.captured / RATE
            while (due := self.blocks * self.playing / RATE / self.speed) + self.late(self.blocks) <= now:
                samples = counting(self.blocks * self.playing, self.playing)
                self.far.played(samples, due + self.playing / RATE + 0.05)
                self.blocks += 1
            while (self.frames + 1) * FRAME <= self.captured:
                self.frames += 1
                taken.append(self.far.take(self.frames * FRAME / RATE))
        return taken


def shifts(frames: list[np.ndarray]) -> list[int]:
    """By how many samples each frame is further, or less far, than the last one was and one frame more."""
    starts = [int(frame[0]) for frame in frames]
    return [later - earlier - FRAME for earlier, later in pairwise(starts)]


def test_nothing_played_is_silence():
    frame = FarEnd(RATE, FRAME).take(1.0)
    assert frame.shape == (FRAME,)
    assert frame.dtype == np.float32
    assert not frame.any()


@settings(deadline=None, max_examples=40)
@given(playing=st.integers(16, 3_000), capturing=st.integers(16, 3_000))
def test_whatever_the_blocks_after_a_while_it_is_continuous(playing, capturing):
    world = World(playing, capturing)
    world.run(3 * PERIOD_S)
    frames = world.run(4.0)
    assert all(frame.all() for frame in frames)  # no silence is made up
    assert set(shifts(frames)) == {0}
    assert len(world.far) <= 2 * playing + capturing + (RESERVE_S + SLACK_S) * RATE + 2 * FRAME


@settings(deadline=None, max_examples=20)
@given(lateness=st.lists(st.floats(0, 0.1), min_size=1, max_size=50))
def test_callbacks_that_are_late_make_it_later_once_and_not_again(lateness):
    world = World(late=lambda index: max(lateness[index % len(lateness)], 0.0))
    world.run(6 * PERIOD_S)
    frames = world.run(10.0)
    assert sum(not frame.all() for frame in frames) <= 10  # in 1,000: patterns that take long to show themselves


@settings(deadline=None, max_examples=20)
@given(millionths=st.integers(-500, 500))
def test_clocks_that_differ_never_run_it_dry_nor_full(millionths):
    world = World(speed=1 + millionths / 1e6)
    world.run(4 * PERIOD_S)
    frames = world.run(60.0)
    made_up = sum(not frame.all() for frame in frames)
    assert made_up <= 2 + 2 * 60 * 500e-6 / (FRAME / RATE)  # a frame or two each time the speaker is behind by one
    assert set(shifts([frame for frame in frames if frame.all()])) <= {0, 1, FRAME}
    assert len(world.far) <= 1_024 + 2 * 370 + (RESERVE_S + 3 * SLACK_S) * RATE


def test_no_sample_leaves_twice_or_out_of_order():
    rng = np.random.default_rng(0)
    world = World(late=lambda index: float(rng.uniform(0, 0.05)))
    said = np.concatenate(world.run(20.0))
    said = said[said > 0]
    assert (np.diff(said) > 0).all()


def test_a_speaker_that_stands_still_is_silent_and_what_it_was_late_by_is_dropped():
    world = World(late=lambda index: 1.0 if 200 <= index < 210 else 0.0)
    world.run(4.0)
    full = len(world.far)
    frames = world.run(3.0)
    assert sum(not frame.any() for frame in frames) > 0
    world.run(2 * PERIOD_S)
    assert len(world.far) <= full + 370 + (SLACK_S + RESERVE_S) * RATE + FRAME


def test_a_burst_is_dropped_at_once_where_it_is_long():
    world = World()
    world.run(2 * PERIOD_S)
    before = len(world.far)
    for _ in range(20):
        world.far.played(np.ones(370, dtype=np.float32), world.captured / RATE)
    steps = shifts(world.run(3 * PERIOD_S)[2:])
    assert len(world.far) <= before + 370 + (RESERVE_S + SLACK_S) * RATE + FRAME
    assert max(steps) > JUMP_S * RATE


def test_a_little_too_much_is_dropped_sample_by_sample():
    world = World()
    world.run(2 * PERIOD_S)
    for _ in range(3):
        world.far.played(np.ones(370, dtype=np.float32), world.captured / RATE)
    steps = shifts(world.run(6 * PERIOD_S)[40:])
    assert set(steps) == {0, 1}
    assert 370 < sum(steps) <= 3 * 370


def test_the_delay_is_from_leaving_the_queue_to_the_echo():
    far = FarEnd(RATE, FRAME)
    for index in range(50):
        # Handed over at index · 10 ms, heard 30 ms later; captured 20 ms before it is taken.
        far.played(counting(index * FRAME, FRAME), (index + 1) * 0.01 + 0.03)
        far.take((index + 1) * 0.01 - 0.02)
    assert abs(far.delay_s - 0.05) < 1e-6


def test_one_wrong_time_changes_the_delay_little_and_it_is_never_negative():
    far = FarEnd(RATE, FRAME)
    for index in range(9):
        far.played(counting(index * FRAME, FRAME), 0.04 if index else 9.0)
        far.take(0.0)
    assert abs(far.delay_s - 0.04) < 1e-6
    behind = FarEnd(RATE, FRAME)
    behind.played(counting(0, FRAME), 0.0)
    behind.take(1.0)
    assert behind.delay_s == 0.0


def test_where_capturing_begins_anew_only_the_newest_is_kept():
    far = FarEnd(RATE, FRAME)
    far.played(counting(0, 10 * RATE), 10.0)
    far.restart(4 * FRAME, captured_from=10.0)
    assert len(far) == 4 * FRAME + RESERVE_S * RATE
    far.lost()
    assert len(far) == 0


@pytest.mark.parametrize(
    ("echo_after_s", "reserve_s"), [(0.0, 0.01), (0.035, 0.01), (0.1, 0.07), (0.2, 0.15), (2.0, 0.15)]
)
def test_the_reserve_is_as_long_as_the_echo_leaves_time_for(echo_after_s, reserve_s):
    far = FarEnd(RATE, FRAME)
    far.played(counting(0, FRAME), audible_until=5.0)
    far.restart(4 * FRAME, captured_from=5.0 - 4 * FRAME / RATE - echo_after_s)
    assert len(far) == 4 * FRAME + round(reserve_s * RATE)
    taken = np.concatenate([far.take(0.0) for _ in range(len(far) // FRAME)])
    assert not taken[:-FRAME].any()  # so far nothing was played
    assert list(taken[-FRAME:]) == list(counting(0, FRAME))


def test_a_callback_that_is_late_for_once_does_not_move_the_echo():
    world = World(late=lambda index: 0.06 if index == 400 else 0.0)
    world.run(3 * PERIOD_S)
    starts = [frame[0] - FRAME * number for number, frame in enumerate(world.run(6.0)) if frame.any()]
    assert 1 <= 600 - len(starts) <= 6
    assert len(set(starts)) == 1
