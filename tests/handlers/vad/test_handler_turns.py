"""No word stands in two turns, however long the padding."""

from __future__ import annotations

import numpy as np

from tests.handlers.vad.test_handler import PAUSE, SPEECH, Scripted, Vad, frames, utterances


def test_the_padding_before_a_turn_holds_no_word_of_the_turn_before():
    vad = Vad(Scripted(), speech_pad_ms=2_000.0)
    (first,) = utterances(vad.hear(frames(*PAUSE, *SPEECH, *PAUSE)))
    assert vad.world.turns.play(first.attempt)
    (second,) = utterances(vad.hear(frames(*[0.8] * 10, *PAUSE)))
    assert not np.isclose(second.audio, 0.9).any()
    assert np.count_nonzero(np.isclose(second.audio, 0.8)) == 10 * 512
