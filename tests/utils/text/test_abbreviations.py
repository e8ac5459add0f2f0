"""Full stops that end no sentence."""

from __future__ import annotations

import pytest

from utils.text.abbreviations import TITLES, goes_on_after, may_go_on_after


@pytest.mark.parametrize("title", TITLES.split())
def test_no_sentence_ends_after_a_title(title):
    assert goes_on_after(f"I saw {title}. ", "Who")
    assert goes_on_after(f"{title}. ", "Who")
    assert not goes_on_after(f"x{title}. ", "Who")


@pytest.mark.parametrize(
    ("before", "after", "goes_on"),
    [
        ("J. K. ", "Rowling", True),
        ("J.", "", True),
        ("by J. ", "Smith", False),  # for sentencex to decide
        ("Am 3. ", "Mai", True),
        ("Am 31. ", "oktober", True),
        ("I have 32. ", "May", False),
        ("It was 3.3. ", "Mai", False),
        ("I have 3. ", "Then", False),
        ("It ends. ", "Mai", False),
    ],
)
def test_initials_and_days(before, after, goes_on):
    assert goes_on_after(before, after) is goes_on


def test_a_day_waits_for_the_whole_word():
    assert may_go_on_after("Am 3. ", "")
    assert may_go_on_after("Am 3. ", "Ok")
    assert may_go_on_after("Am 3. ", "Oktober ")
    assert not may_go_on_after("Am 3. ", "Ok ")
    assert not may_go_on_after("It ends. ", "")
