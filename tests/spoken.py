"""What tests ask of speech: whether it was understood."""

from __future__ import annotations

import jiwer

QUESTIONS = [  # with short answers
    "What is the capital of France?",
    "Which planet is the largest in our solar system?",
    "What is the capital of Italy?",
]


def words(text: str) -> str:
    """Without case and punctuation."""
    return jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip()])(text)


def assert_understood(said: str, heard: str) -> None:
    """The first word is there, and at most one word in ten is wrong."""
    said, heard = words(said), words(heard)
    assert heard.split()[0] == said.split()[0], heard
    assert jiwer.wer(said, heard) <= 0.1, heard
