"""What a client has heard, by the clock alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.transports.playout import PlayoutClock

RATE = 1_000


def test_before_anything_nothing_was_heard():
    clock = PlayoutClock(RATE)
    assert (clock.written, clock.heard(100.0), clock.ends_at()) == (0, 0, float("-inf"))


def test_it_is_heard_as_it_plays_and_no_further_than_it_was_written():
    clock = PlayoutClock(RATE)
    clock.wrote(200, 10.0)
    assert [clock.heard(now) for now in (9.0, 10.0, 10.1, 10.2, 10.9)] == [0, 0, 100, 200, 200]
    assert clock.ends_at() == pytest.approx(10.2)


def test_what_is_written_in_time_follows_without_a_gap():
    clock = PlayoutClock(RATE)
    clock.wrote(200, 10.0)
    clock.wrote(100, 10.1)
    assert clock.written == 300
    assert clock.heard(10.25) == 250
    assert clock.ends_at() == pytest.approx(10.3)


def test_what_is_written_after_a_gap_begins_to_play_then():
    clock = PlayoutClock(RATE)
    clock.wrote(200, 10.0)
    clock.wrote(100, 15.0)
    assert [clock.heard(now) for now in (15.0, 15.05, 15.1)] == [200, 250, 300]
    assert clock.ends_at() == pytest.approx(15.1)


def test_writing_nothing_is_no_gap():
    clock = PlayoutClock(RATE)
    clock.wrote(0, 3.0)
    assert clock.ends_at() == float("-inf")
    clock.wrote(200, 10.0)
    clock.wrote(0, 20.0)
    assert clock.ends_at() == pytest.approx(10.2)


def test_what_was_taken_back_is_never_heard():
    clock = PlayoutClock(RATE)
    clock.wrote(200, 10.0)
    clock.take_back(10.05)
    assert (clock.written, clock.heard(11.0)) == (50, 50)
    clock.wrote(100, 10.05)
    assert clock.ends_at() == pytest.approx(10.15)
    assert clock.heard(10.1) == 100


STEPS = st.lists(st.tuples(st.floats(0, 0.5), st.integers(0, 400), st.booleans()), max_size=40)


@given(STEPS, st.floats(0, 1e6))
def test_it_never_goes_back_and_never_ahead_of_real_time(steps, now):
    clock, before, plays_until = PlayoutClock(RATE), 0, now
    for wait, count, taken_back in steps:
        now += wait
        heard = clock.heard(now)
        assert before <= heard <= clock.written
        assert heard - before <= wait * RATE + 1.1
        if taken_back:
            clock.take_back(now)
            plays_until = now
        clock.wrote(count, now)
        if count:
            plays_until = max(plays_until, now) + count / RATE
            assert abs(clock.ends_at() - plays_until) < 2 / RATE
        assert clock.heard(now) == heard
        before = heard
    assert clock.heard(now + 60) == clock.written
