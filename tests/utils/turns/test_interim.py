"""When what was said so far is transcribed, and which such transcription is still wanted."""

from __future__ import annotations

import pytest

from utils.turns.interim import EVERY_MS, LONGEST_MS, InterimResults, InterimTiming

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


@pytest.mark.parametrize(
    ("took", "pays"),
    [
        ([], True),
        ([LONGEST_MS], True),
        ([LONGEST_MS + 1], False),
        ([100, 100, 9_000], True),
        ([9_000, 9_000, 10], False),
    ],
)
def test_a_machine_that_is_too_slow_makes_none(took, pays):
    ahead = InterimResults()
    for milliseconds in took:
        ahead.took(milliseconds)
    assert ahead.pays() is pays


def test_a_slow_moment_is_forgotten():
    ahead = InterimResults()
    for milliseconds in [9_000.0] * 5 + [100.0] * 3:
        ahead.took(milliseconds)
    assert ahead.pays()


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
