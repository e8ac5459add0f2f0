"""Pacing: never faster than it plays, plus the lead."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from handlers.sockets.pacing import Pacer

RATE = 1_000


def test_the_lead_is_written_at_once_and_the_rest_as_it_plays():
    pacer = Pacer(RATE, 0.2)
    pacer.start(10.0)
    assert pacer.allowed(10.0) == 200
    pacer.wrote(200)
    assert pacer.allowed(10.0) == 0
    assert abs(pacer.wait_s(10.0, 20) - 0.02) < 1e-9
    assert pacer.allowed(10.15) == 150
    assert pacer.heard(10.1) == 100
    assert pacer.heard(10.9) == 200


def test_after_a_gap_there_is_no_burst():
    pacer = Pacer(RATE, 0.2)
    pacer.start(0.0)
    pacer.wrote(100)
    assert pacer.allowed(5.0) == 200
    assert pacer.heard(5.0) == 100


def test_the_next_reply_waits_for_the_rest_of_the_last():
    pacer = Pacer(RATE, 0.2)
    pacer.start(0.0)
    pacer.wrote(200)
    pacer.start(0.05)
    assert pacer.allowed(0.05) == 50
    assert pacer.heard(0.05) == 0


def test_before_anything_nothing_was_heard():
    assert Pacer(RATE, 0.2).heard(100.0) == 0


STEPS = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 300), st.booleans()), max_size=60)


@given(STEPS, st.floats(0.02, 2))
def test_never_more_than_the_lead_ahead_of_the_listener(steps, lead):
    """A listener that starts to play at once, never faster than real time, has never more than the lead buffered."""
    pacer, now, played_until, total = Pacer(RATE, lead), 0.0, 0.0, 0
    pacer.start(now)
    heard = 0
    for wait, wanted, new_reply in steps:
        now += wait
        if new_reply:
            pacer.start(now)
            heard = 0
        count = min(wanted, pacer.allowed(now))
        pacer.wrote(count)
        total += count
        played_until = max(played_until, now) + count / RATE
        assert played_until - now <= lead + 2 / RATE
        assert heard <= pacer.heard(now) <= pacer.sent
        heard = pacer.heard(now)
        later = copy.copy(pacer)  # asking moves the playing position on
        assert later.allowed(now + pacer.wait_s(now, wanted)) >= min(wanted, int(lead * RATE))


@given(st.integers(20, 2_000), st.floats(0, 1e6), st.lists(st.floats(0, 3), max_size=8))
def test_a_sender_that_waits_as_it_is_told_is_never_stuck_and_never_early(lead_ms, now, holds):
    """The sender's own loop, in 20 ms blocks at 44.1 kHz (the shortest lead); holds move the clock."""
    rate, block, blocks = 44_100, 882, 40
    pacer, written = Pacer(rate, lead_ms / 1000), []
    pacer.start(now)
    holds = [*holds, *[0.0] * blocks]
    for index in range(blocks):
        now += holds[index]
        waits = 0
        while pacer.allowed(now) < block:
            now += pacer.wait_s(now, block)
            waits += 1
            assert waits < 4
        pacer.wrote(block)
        written.append(now)
    for first in range(blocks):
        for last in range(first + 1, blocks):
            ahead = (last - first + 1) * block / rate - (written[last] - written[first])
            assert ahead <= lead_ms / 1000 + 1e-4


@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(0, 400)), max_size=40))
def test_asking_what_was_heard_changes_nothing_and_it_never_goes_back(steps):
    asked, silent, now, before = Pacer(RATE, 0.2), Pacer(RATE, 0.2), 5.0, 0
    asked.start(now)
    silent.start(now)
    for wait, wanted in steps:
        now += wait
        heard = asked.heard(now)
        assert before <= heard <= asked.sent
        before = heard
        count = min(wanted, asked.allowed(now))
        assert silent.allowed(now) >= count
        asked.wrote(count)
        silent.wrote(count)
    assert asked.heard(now + 1) == asked.sent == silent.heard(now + 1)
