"""What a draft proposes: the text is always the right one, and few passes are needed for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.whisper.guesses import NEAR, SHORT, Guesses

END = -1


def passes(text, draft):
    """(what a decoder has that would say `text`, in how many passes), checking its guesses as the decoder does."""
    guesses, got, count = Guesses(draft), [], 0
    while not got or got[-1] != END:
        guess, right = guesses.next(got), 0
        wanted = [*text, END][len(got) :]
        while right < len(guess) and wanted[right] == guess[right] != END:
            right += 1
        got += wanted[: right + 1]
        guesses.took(right, len(guess))
        count += 1
    return got[:-1], count


LONG = list(range(100, 140))


@pytest.mark.parametrize(
    ("text", "draft", "expected"),
    [
        (LONG, LONG, 1),
        (LONG, [], len(LONG) + 1),
        (LONG, LONG[:-3], 4),  # more was said
        ([*LONG[:5], 7, *LONG[6:]], LONG, 5),  # another word
        ([*LONG[:5], 7, 8, *LONG[6:]], LONG, 6),  # two for one
        ([*LONG[:5], 7, *LONG[5:]], LONG, 5),  # a comma more
        ([*LONG[:5], *LONG[6:]], LONG, 4),  # a comma less
        ([7, *LONG[1:]], LONG, 5),  # from the beginning
        ([*LONG[:5], 7, *LONG[6:20], 8, *LONG[21:]], LONG, 7),  # twice
        ([*LONG[:5], *range(12), *LONG[6:]], LONG, 16),  # a whole phrase
        ([*LONG[:5], *range(12), *LONG[17:]], LONG, 15),  # a whole phrase instead of another
        (list(range(40)), LONG, 41),  # nothing of it
    ],
)
def test_few_passes(text, draft, expected):
    assert passes(text, draft) == (text, expected)


tokens = st.lists(st.integers(0, 5), max_size=60)


@given(tokens, tokens)
def test_any_text_comes_of_any_draft_in_no_more_passes_than_without(text, draft):
    got, count = passes(text, draft)
    assert got == text
    assert count <= len(text) + 1


def test_after_a_mistake_guesses_are_short_and_then_grow():
    guesses = Guesses(LONG)
    assert guesses.next([]) == LONG
    guesses.took(4, len(LONG))
    text = [*LONG[:4], 7]
    assert guesses.next(text) == []
    guesses.took(0, 0)
    text.append(LONG[5])
    assert guesses.next(text) == LONG[6 : 6 + SHORT]
    guesses.took(SHORT, SHORT)
    text += [*LONG[6 : 6 + SHORT + 1]]
    assert guesses.next(text) == LONG[7 + SHORT : 7 + 3 * SHORT]


def test_a_token_is_looked_for_near_by():
    guesses = Guesses([1, *range(50, 50 + NEAR), 9, 10])
    guesses.took(1, 1 + NEAR)
    assert guesses.next([1, 9]) == []
