"""What over a reply is meant to stop it."""

from __future__ import annotations

import pytest

from utils.turns.interruptions import BACKCHANNELS, HESITATIONS, asks, is_backchannel, is_echo, is_stop


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


@pytest.mark.parametrize(
    "text",
    ["Stop.", "Stop, stop!", "Please stop.", "Wait.", "Wait a minute, please.", "Hold on.", "Okay, stop.", "Stopp!",
     "Warte bitte.", "Arrête, s'il te plaît.", "Tais-toi.", "Espera, por favor.", "Basta!", "Aspetta."],
)  # fmt: skip
def test_stops(text):
    assert is_stop(text)


@pytest.mark.parametrize(
    "text",
    ["", "Stop the music.", "When does the bus stop?", "Wait for me.", "No.", "What?", "Please.", "Enough of Paris.",
     "Para mañana.", "Is there a stop?"],
)  # fmt: skip
def test_words_that_want_an_answer_are_no_stop(text):
    assert not is_stop(text)


@pytest.mark.parametrize(
    ("reply", "asked"),
    [("Shall I go on?", True), ("Why? Because.", True), ("Why? Because. Really.", False), ("您好吗？", True),
     ("It is.", False), ("", False), ("Which one, this or that?", True), ("هل أواصل؟", True)],
)  # fmt: skip
def test_a_question_at_the_end_is_open(reply, asked):
    assert asks(reply) is asked


def test_hesitations_are_backchannels():
    assert HESITATIONS <= BACKCHANNELS
