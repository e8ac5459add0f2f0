"""What is said is transcribed before it is sure that the speaker pauses: when, and whose words it is."""

from __future__ import annotations

import numpy as np
import pytest

from tests.handlers.vad.test_handler import frames
from tests.handlers.vad.test_turn_taking import SILENCE, SPEECH, Speaker
from utils.conversation.messages import InterimAudio, Utterance
from utils.turns.interim import MOST_WAITING

PAUSE = [0.0] * 2
AUDIO = np.zeros(1_600, dtype=np.float32)


def speaker(**options) -> Speaker:
    return Speaker(**{"speculative_silence_ms": 64.0, **options})


def kinds(messages: list, *wanted: type) -> list:
    return [message for message in messages if isinstance(message, wanted)]


def test_it_is_transcribed_with_the_first_quiet_frame_and_the_pause_has_the_same_words():
    user = speaker()
    ahead, utterance = kinds(user.hear(frames(*SPEECH, *PAUSE)), InterimAudio, Utterance)
    assert isinstance(ahead, InterimAudio)
    assert np.count_nonzero(ahead.audio) == np.count_nonzero(utterance.audio) == 512 * len(SPEECH)
    assert (utterance.interim, utterance.turn) == (ahead.number, ahead.turn)
    assert user.world.context.interim.wanted(ahead.number)


def test_a_sound_since_then_may_be_another_word():
    user = speaker()
    messages = user.hear(frames(*SPEECH, 0.0, *SPEECH, *PAUSE))
    first, second = kinds(messages, InterimAudio)
    (utterance,) = kinds(messages, Utterance)
    assert (first.number, second.number) == (1, 2)
    assert utterance.interim == second.number
    assert not user.world.context.interim.wanted(first.number)


def test_speech_that_is_only_quiet_now_is_no_pause():
    """Voiced, as far as the network knows, and 40 dB below what was said before."""
    user = speaker()
    user.hear(frames(*SPEECH))
    hearing, model = user.stage._hearing, user.engine.model
    hearing._model = _AlwaysVoiced(model)
    (ahead,) = kinds(user.hear(frames(*[0.0] * 8)), InterimAudio)
    hearing._model = model
    (utterance,) = kinds(user.hear(frames(*PAUSE)), Utterance)
    assert utterance.interim is None
    assert not user.world.context.interim.wanted(ahead.number)


class _AlwaysVoiced:
    def __init__(self, model) -> None:
        self._model = model

    def __getattr__(self, name):
        return getattr(self._model, name)

    def step(self, frame, state):
        return 0.9, state


def test_long_speech_is_transcribed_on_the_way_and_that_is_a_draft():
    user = speaker()
    (ahead,) = kinds(user.hear(frames(*[0.9] * 22)), InterimAudio)
    messages = user.hear(frames(*SPEECH, *PAUSE))
    assert kinds(messages, Utterance)[0].interim == kinds(messages, InterimAudio)[-1].number > ahead.number


def test_over_a_reply_it_is_where_it_has_fallen_quiet():
    user = speaker()
    user.assistant_speaks()
    ahead, utterance = kinds(user.hear(frames(*[0.9] * 6, *SILENCE)), InterimAudio, Utterance)
    assert ahead.over_reply
    assert utterance.interim == ahead.number


def test_over_a_reply_nothing_is_on_the_way():
    user = speaker()
    user.assistant_speaks()
    assert not kinds(user.hear(frames(*[0.9] * 40)), InterimAudio)


def test_without_speculation_nothing_is():
    messages = speaker(speculative_silence_ms=0.0).hear(frames(*SPEECH, *SILENCE))
    assert not kinds(messages, InterimAudio)
    assert kinds(messages, Utterance)[0].interim is None


def test_a_slow_machine_has_no_time_for_it():
    user = speaker()
    user.world.context.interim.took(10_000.0)
    assert not kinds(user.hear(frames(*SPEECH, *SILENCE)), InterimAudio)


def test_a_slow_machine_finds_out_that_its_user_pauses_only_at_the_end():
    user = speaker()
    for _ in range(8):
        user.world.context.interim.took(3_000.0)
        messages = user.hear(frames(*SPEECH, *SILENCE))
        user.turns.finish(kinds(messages, Utterance)[-1].attempt)
    assert kinds(user.hear(frames(*SPEECH, *SILENCE)), InterimAudio)


def test_pauses_in_mid_speech_speak_against_it():
    user = speaker()
    user.world.context.interim.took(1_000.0)
    asked = [len(kinds(user.hear(frames(*SPEECH, 0.0)), InterimAudio)) for _ in range(12)]
    assert asked[0] == 1
    assert asked[-1] == 0


def test_a_pause_after_which_the_user_goes_on_was_no_hit():
    user = speaker()
    user.hear(frames(*SPEECH, *PAUSE))  # an attempt begins
    interim = user.world.context.interim
    assert list(interim._outcomes) == []
    user.hear(frames(*SPEECH))
    assert list(interim._outcomes) == [False]
    user.hear(frames(*SILENCE))
    assert list(interim._outcomes) == [False, True]


@pytest.mark.parametrize(
    ("voiced_ms", "over_reply", "marks"),
    [
        (200, False, {96, 192}),
        (200, True, {192}),  # what the sound was is more urgent
        (990, True, {192}),
        (1_000, True, {96, 192}),
    ],
)
def test_the_end_of_a_turn_is_judged_after_the_sound_over_a_reply(voiced_ms, over_reply, marks):
    assert speaker(min_silence_ms=250.0).engine.marks_to_judge(voiced_ms, over_reply) == marks


def test_where_there_is_one_mark_it_is_judged_there():
    engine = speaker(min_silence_ms=64.0, speculative_silence_ms=32.0).engine
    assert engine.marks_to_judge(200, True) == engine.marks_to_judge(200, False) == {64.0}


def test_while_the_recogniser_is_busy_no_more_than_two_requests_wait():
    user = speaker()
    user.recognises = False
    requests = kinds(user.hear(frames(*[*SPEECH, 0.0] * 6)), InterimAudio)
    assert len(requests) == MOST_WAITING
    user.world.context.interim.take(requests[0].number)
    assert len(kinds(user.hear(frames(*SPEECH, 0.0)), InterimAudio)) == 1
