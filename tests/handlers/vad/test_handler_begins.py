"""When the user began to speak: the first voiced frame of the whole turn, however the turn goes on."""

from __future__ import annotations

import pytest

from tests.handlers.vad.test_handler import PAUSE, SPEECH, Scripted, Vad, frames, utterances
from utils.audio.wire import REPLY_RATE

FRAME_S = 0.032


@pytest.mark.parametrize("quiet", [1, 12, 40])
@pytest.mark.parametrize("block", [160, 512, 4_096])
def test_it_is_the_first_voiced_frame_whatever_the_blocks(quiet, block):
    vad = Vad(Scripted())
    start = vad.world.clock()
    (utterance,) = utterances(vad.hear(frames(*[0.0] * quiet, *SPEECH, *PAUSE), block))
    assert utterance.first_voiced_at == pytest.approx(start + quiet * FRAME_S)
    assert utterance.last_voiced_at == pytest.approx(utterance.first_voiced_at + len(SPEECH) * FRAME_S)


@pytest.mark.parametrize("speculative_silence_ms", [0.0, 32.0])
def test_what_extends_the_turn_began_with_it(speculative_silence_ms):
    vad = Vad(Scripted(), speculative_silence_ms=speculative_silence_ms)
    start = vad.world.clock()
    found = utterances(vad.hear(frames(*PAUSE, *SPEECH, *PAUSE, *SPEECH, *[0.0] * 5, *SPEECH, *PAUSE)))
    assert len(found) >= 2
    assert [each.first_voiced_at for each in found] == pytest.approx([start + len(PAUSE) * FRAME_S] * len(found))


def test_a_turn_of_which_parts_went_ahead_began_with_the_first_of_them():
    vad = Vad(Scripted(), max_speech_ms=960.0)
    start = vad.world.clock()
    (last,) = utterances(vad.hear(frames(*PAUSE, *[0.9] * 100, *PAUSE)))
    assert last.first_voiced_at == pytest.approx(start + len(PAUSE) * FRAME_S)


def test_the_next_turn_begins_anew():
    vad = Vad(Scripted())
    (first,) = utterances(vad.hear(frames(*PAUSE, *SPEECH, *PAUSE)))
    assert vad.world.turns.play(first.attempt)
    vad.world.turns.finish(first.attempt, vad.world.clock() + 1 / REPLY_RATE)
    vad.hear(frames(*PAUSE))
    start = vad.world.clock()
    (second,) = utterances(vad.hear(frames(*PAUSE, *SPEECH, *PAUSE)))
    assert second.first_voiced_at == pytest.approx(start + len(PAUSE) * FRAME_S)
