"""What tests ask of speech: whether it was understood, and whether there is any."""

from __future__ import annotations

import jiwer
import numpy as np

from handlers.vad import SileroModel

RATE = 16_000
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


def voiced_seconds(audio: np.ndarray) -> float:
    """How much of float32 [n], 16 kHz, is speech, by silero-vad."""
    model = SileroModel(RATE)
    state, voiced = model.initial_state(), 0
    for begin in range(0, len(audio) - model.frame + 1, model.frame):
        probability, state = model.step(audio[begin : begin + model.frame], state)
        voiced += probability >= 0.5
    return voiced * model.frame / RATE
