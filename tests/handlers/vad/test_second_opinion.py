"""Whether a loud sound that begins may be no voice: scripted probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from handlers.vad.second_opinion import AGREED_FRAMES, LONGEST_ONSET_FRAMES, LOUD_DB, SecondOpinion


class Scripted:
    """A model whose new states find what the frame's first sample says."""

    def initial_state(self, after=None):
        return "new"

    def step(self, frame, state):
        assert state == "new"
        return float(frame[0]), state


def doubts(*opinions: float, level: float = LOUD_DB, probability: float = 0.9) -> list[bool]:
    """Whether the sound is doubtful after each frame of an onset, of which a new state thinks this."""
    opinion, found = SecondOpinion(Scripted()), []
    for index, value in enumerate(opinions):
        opinion.hear(np.full(512, value, dtype=np.float32), level, probability, "old", index > 0)
        found.append(opinion.doubtful)
    return found


def test_a_loud_sound_is_doubtful_until_the_new_state_agrees():
    assert doubts(0.1, 0.9, 0.1, 0.9, 0.1) == [True, True, True, False, False]
    assert AGREED_FRAMES == 2


def test_what_is_voiced_for_longer_than_an_onset_is_a_voice():
    assert doubts(*[0.0] * (LONGEST_ONSET_FRAMES + 1)) == [True] * (LONGEST_ONSET_FRAMES - 1) + [False] * 2


@pytest.mark.parametrize(("level", "probability"), [(LOUD_DB - 1, 0.9), (LOUD_DB, 0.1)])
def test_a_quiet_sound_and_one_that_is_not_voiced_are_not_doubtful(level, probability):
    assert not any(doubts(*[0.0] * 20, level=level, probability=probability))


def test_what_surely_is_speech_is_not_doubtful_and_each_onset_is_judged_anew():
    opinion, frame = SecondOpinion(Scripted()), np.zeros(512, dtype=np.float32)
    opinion.hear(frame, -20.0, 0.9, "old", False)
    assert opinion.doubtful
    opinion.hear(frame, -20.0, 0.9, None, True)
    assert not opinion.doubtful
    opinion.hear(frame, -60.0, 0.9, "old", False)
    assert not opinion.doubtful
