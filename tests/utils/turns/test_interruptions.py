"""What over a reply is meant to stop it."""

from __future__ import annotations

import pytest

from utils.turns.interruptions import is_backchannel, is_echo


@pytest.mark.parametrize(
    "text",
    ["Mm-hm.", "mm-hmm", "Mhm", "Uh-huh.", "Yeah.", "yeah, yeah", "Uh", "Um...", "Okay.", "OK!", "I see.", "Yes.",
     "Right, right.", "Hmm", "Oh wow.", "Ja, genau.", "Oui.", "Sí"],
)  # fmt: skip
def test_listeners_sounds_stop_nothing(text):
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text",
    ["Stop.", "No.", "Wait!", "What?", "Yeah but why?", "Yes, and then what happened?", "Okay, stop.", "Hello",
     "yeah yeah yeah yeah yeah", "", "...", "Not exactly."],
)  # fmt: skip
def test_words_stop_the_reply(text):
    assert not is_backchannel(text)


@pytest.mark.parametrize(
    ("text", "reply", "echo"),
    [
        ("capital of France", "The capital of France is Paris.", True),
        ("is Paris.", "The capital of France is Paris.", True),
        ("Paris?", "The capital of France is Paris.", False),
        ("the capital is Paris", "The capital of France is Paris.", False),
        ("is Par", "The capital of France is Paris.", False),
        ("What is the capital of France?", "The capital of France is Paris.", False),
        ("", "The capital of France is Paris.", False),
        ("hello there", "", False),
    ],
)
def test_a_piece_of_the_reply_is_an_echo(text, reply, echo):
    assert is_echo(text, reply) == echo
