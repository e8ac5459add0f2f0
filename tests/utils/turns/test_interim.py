"""When what was said so far is transcribed, and which such transcription is still wanted."""

from __future__ import annotations

import pytest

from utils.turns.interim import EVERY_MS, InterimResults, InterimTiming

FRAME_MS = 32.0


def test_only_the_newest_is_wanted():
    ahead = InterimResults()
    first = ahead.begin()
    assert ahead.wanted(first)
    second = ahead.begin()
    assert (ahead.wanted(first), ahead.wanted(second)) == (False, True)
    ahead.drop()
    assert not ahead.wanted(second)
    assert ahead.wanted(ahead.begin())


def test_no_number_is_used_twice():
    ahead = InterimResults()
    assert not ahead.wanted(0)
    assert len({ahead.begin() for _ in range(100)}) == 100


WINDOW_MS = 250.0


@pytest.mark.parametrize(
    ("took", "outcomes", "pays"),
    [
        ([], [], True),  # nothing is known
        ([100], [False] * 8, False),  # it never has all the words
        ([100], [True] + [False] * 7, True),  # once in eight times is enough: 17 and 8 ms
        ([600], [], True),  # a slow machine
        ([600], [True, False] * 4, True),
        ([1_500], [True] + [False] * 7, False),  # 42 ms are gained, and 125 lost
        ([2_000], [], True),
        ([3_000], [], False),
        ([3_000], [True] * 8, True),  # somebody who pauses only at the end
        ([100, 100, 9_000], [], True),  # a slow moment
        ([9_000, 9_000, 10], [], False),
    ],
)
def test_they_are_made_where_they_gain_more_than_they_cost(took, outcomes, pays):
    interim = InterimResults()
    for milliseconds in took:
        interim.took(milliseconds)
    for right in outcomes:
        interim.settle(right)
    assert interim.pays(WINDOW_MS) is pays


def test_what_was_long_ago_is_forgotten():
    interim = InterimResults()
    for milliseconds in [9_000.0] * 5 + [100.0] * 3:
        interim.took(milliseconds)
    for right in [False] * 8 + [True] * 8:
        interim.settle(right)
    assert interim.pays(WINDOW_MS)
    assert interim.usual_ms() == 100.0


@pytest.mark.parametrize(("took", "every"), [(0, EVERY_MS), (100, EVERY_MS), (400, 1_600)])
def test_they_take_a_quarter_of_the_time_at_most(took, every):
    ahead = InterimResults()
    ahead.took(took)
    assert ahead.every_ms() == every


def moments(quiet: str, speaking: str = "") -> str:
    """quiet: q or . a frame; speaking: s or . a frame, all of them where it is empty → ! where it is a moment."""
    made = InterimTiming(FRAME_MS)
    frames = zip(quiet, speaking or "s" * len(quiet), strict=True)
    return "".join("!" if made.feed(q == "q", s == "s") else "." for q, s in frames)


def test_the_first_quiet_frame_is_one():
    assert moments("..qqq..q..") == "..!....!.."


def test_where_nobody_speaks_there_is_none():
    assert moments("..qqq..q..", "..........") == ".........."
    assert moments("..qq..q", "......s") == "......!"


def test_speech_without_a_gap_has_one_every_so_often():
    found = moments("." * 64)
    assert [place for place, mark in enumerate(found) if mark == "!"] == [15, 31, 47, 63]


def test_a_gap_begins_the_wait_anew():
    assert moments("." * 10 + "q" + "." * 15) == "." * 10 + "!" + "." * 15
