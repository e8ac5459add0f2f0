"""The text of a reply, from its tokens."""

from __future__ import annotations

from handlers.llama_cpp.pieces import ReplyText

BEGIN, END = 1_000, 1_001


def written(*tokens: int, thoughts: tuple[int, int] | None = (BEGIN, END)) -> list[str]:
    """The pieces that come of these tokens, each of which is a byte."""
    pieces: list[str] = []
    text = ReplyText(lambda token: bytes([token]) if token < 256 else b"", pieces.append, thoughts)
    for token in tokens:
        text.put(token)
    text.end()
    return pieces


def test_each_character_is_given_when_it_is_whole():
    assert written(*"aé😀".encode()) == ["a", "é", "😀"]


def test_half_a_character_at_the_end_is_shown():
    assert written(*"aé".encode()[:-1]) == ["a", "\ufffd"]


def test_thoughts_are_kept_back():
    assert written(ord("a"), BEGIN, ord("x"), ord("y"), END, ord("b")) == ["a", "b"]
    assert written(BEGIN, ord("x")) == []
    assert written(ord("a"), END, ord("b")) == ["a", "b"]
    assert written(ord("a"), thoughts=None) == ["a"]
