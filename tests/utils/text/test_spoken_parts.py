"""Long texts in parts: all their words, none too long, cut where one would breathe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.text.spoken_parts import split_long


@pytest.mark.parametrize(
    ("text", "longest", "parts"),
    [
        ("Short.", 40, ["Short."]),
        ("", 40, [""]),
        ("One two three. Four five six.", 20, ["One two three.", "Four five six."]),
        ("He said: one two three, four five six seven", 30, ["He said: one two three,", "four five six seven"]),
        ("we went home because it was raining hard", 30, ["we went home", "because it was raining hard"]),
        ("aaa bbb ccc ddd eee fff", 12, ["aaa bbb ccc", "ddd eee fff"]),
        ("abcdefghij", 4, ["abc", "def", "ghij"]),
        ("它很好。我们走吧。他来了", 8, ["它很好。", "我们走吧。他来了"]),
    ],
)
def test_where_it_is_cut(text, longest, parts):
    assert split_long(text, longest) == parts


@given(st.text(max_size=300), st.integers(1, 60))
def test_all_the_words_are_there_and_no_part_is_too_long(text, longest):
    parts = split_long(text, longest)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(part) <= longest for part in parts)


@given(st.lists(st.from_regex(r"[a-z]{2,9}[,.]?", fullmatch=True), min_size=40, max_size=150))
def test_parts_are_about_equally_long(words):
    parts = split_long(" ".join(words), 120)
    assert [word for part in parts for word in part.split()] == words
    assert min(map(len, parts)) > 25
