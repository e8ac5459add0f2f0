"""What in a transcript of a short window is not to be trusted."""

from __future__ import annotations

import pytest

from handlers.whisper.guard import repeats, too_many


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
