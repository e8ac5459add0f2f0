"""What in a transcript of a short window is not to be trusted."""

from __future__ import annotations

import pytest

from handlers.whisper.guard import falls_into_a_loop, mostly_a_murmur, repeats, too_many


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], False),
        ([1, 2, 3, 4], False),
        ([1, 2, 3, 1, 2, 3], True),
        ([9, 1, 2, 3, 1, 2, 3], True),
        ([1, 2, 3, 1, 2, 3, 9], False),  # it was stopped when the phrase had just been there
        ([1, 1], False),
        ([1, 1, 1], True),
        ([1, 2, 1, 2], False),  # no, no
        ([1, 2, 1, 2, 1, 2], True),
    ],
)
def test_a_phrase_that_comes_again(tokens, expected):
    assert repeats(tokens) is expected


def test_more_than_anybody_says_in_the_time():
    assert not too_many(list(range(10)), 1.0)
    assert too_many(list(range(20)), 1.0)
    assert not too_many(list(range(8)), 0.0)


SENTENCE = [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("tokens", "seconds", "loop"),
    [
        (SENTENCE * 4, 8.5, False),  # said four times in the time that it takes
        (SENTENCE * 4, 3.0, True),
        ([1, 2] * 12, 3.0, True),
        ([1, 2] * 11, 0.0, False),
        ([1, 2] * 24, 30.0, False),  # not yet
        ([1, 2] * 75, 30.0, True),
        (list(range(40)), 3.0, False),
    ],
)
def test_a_loop_is_more_than_the_sound_has_time_for(tokens, seconds, loop):
    assert falls_into_a_loop(tokens, seconds) is loop


@pytest.mark.parametrize(
    ("tokens", "murmur"),
    [
        ([1, 2] * 5, True),
        ([1] * 9, True),
        (SENTENCE * 4, False),
        (list(range(12)), False),
        ([9, 10] * 3 + SENTENCE, False),
    ],
)
def test_a_murmur_is_a_short_phrase(tokens, murmur):
    assert mostly_a_murmur(tokens) is murmur
