"""When the user is done, and what over a reply is an interruption: scripted probabilities and scores, a fake clock."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
import pytest

from handlers.vad.engine import JUDGE_MS
from tests.fakes import FakePosition
from tests.handlers.vad.test_handler import Scripted, Vad, frames, utterances
from utils.conversation.dialogue import SURELY_INTERRUPTS_MS
from utils.conversation.messages import InputAudio, InputGap, SpeechPart
from utils.turns.turns import State

SPEECH, WORD, CLICK = [0.9] * 12, [0.9] * 6, [0.9] * 2
SILENCE = [0.0] * 12  # 384 ms; 250 end an utterance, unless it does not sound complete


class Judge:
    """In place of smart-turn: each judgement is answered when the test says so, or at once with `score`."""

    def __init__(self, score: float | Exception | None = None) -> None:
        self.score = score
        self.asked: list[tuple[np.ndarray, Future]] = []
        self.stretches: list[int] = []

    def __call__(self, audio, stretch, live):
        future: Future = Future()
        self.asked.append((audio, future))
        self.stretches.append(stretch)
        if isinstance(self.score, Exception):
            future.set_exception(self.score)
        elif self.score is not None:
            future.set_result(self.score)
        return future


class Speaker(Vad):
    """A user, heard by the real handler. judge: None where turns end after silence alone."""

    def __init__(self, judge=None, **options) -> None:
        super().__init__(Scripted(), **{"speech_pad_ms": 0.0, **options})
        self.turns = self.world.turns
        self.position = FakePosition()
        if judge is not None:
            self.engine.judge = judge

    def say(self, *probabilities: float) -> list:
        return utterances(self.hear(frames(*probabilities)))

    def assistant_speaks(self) -> int:
        """A reply is playing."""
        attempt = self.world.transcribed()
        assert self.turns.play(attempt)
        self.world.records.reply_starts(attempt, self.position)
        return attempt


def voiced(utterance) -> int:
    """Frames of speech in it."""
    return int(np.count_nonzero(np.isclose(utterance.audio, 0.9)) / 512)


# --- the end of a turn


def test_a_turn_that_sounds_complete_ends_after_the_shortest_silence():
    user = Speaker(Judge(0.9))
    assert user.say(*SPEECH, *[0.0] * 7) == []
    (utterance,) = user.say(0.0)
    assert user.turns.state(utterance.attempt) is State.COMMITTED


def test_a_pause_in_a_turn_that_does_not_sound_complete_is_one_turn():
    judge = Judge(0.1)
    user = Speaker(judge)
    assert user.say(*SPEECH, *[0.0] * 25, *WORD) == []  # 0.8 s
    judge.score = 0.9
    (utterance,) = user.say(*SILENCE)
    assert voiced(utterance) == len(SPEECH) + len(WORD)
    assert len(judge.asked) == 3  # after 96 and 250 ms of the pause, and after 96 ms of the end
    assert utterance.turn == 1


def test_what_does_not_sound_complete_at_first_is_judged_again_after_the_shortest_silence():
    judge = Judge(0.2)
    user = Speaker(judge)
    user.say(*SPEECH, *[0.0] * 4)
    judge.score = 0.9
    assert len(user.say(*[0.0] * 5)) == 1
    assert len(judge.asked) == 2


def test_a_turn_that_never_sounds_complete_ends_after_the_longest_pause():
    user = Speaker(Judge(0.1), max_pause_ms=1_500.0)
    assert user.say(*SPEECH, *[0.0] * 46) == []
    assert len(user.say(0.0)) == 1


def test_the_score_is_asked_for_early_and_of_all_that_was_said_since_the_last_answer():
    judge = Judge()
    user = Speaker(judge)
    user.say(*SPEECH, *[0.0] * (JUDGE_MS[0] // 32 - 1))
    assert not judge.asked
    user.say(0.0)
    [(audio, _)] = judge.asked
    assert np.count_nonzero(np.isclose(audio, 0.9)) == len(SPEECH) * 512


def test_the_judge_is_told_how_long_the_last_stretch_of_speech_is():
    judge = Judge(0.1)
    user = Speaker(judge)
    user.say(*SPEECH, *[0.0] * 4)
    user.say(*WORD, *[0.0] * 4)
    user.say(*[0.0] * 46)
    user.say(*SPEECH, *[0.0] * 4)  # more of the same turn, that is not answered yet
    assert judge.stretches == [0, (6 + 3) * 512, (6 + 3 + 46 + 1 - 46 - 1 + 3) * 512, (12 + 3) * 512]


def test_a_turn_waits_for_a_score_that_is_late():
    judge = Judge()
    user = Speaker(judge)
    assert user.say(*SPEECH, *[0.0] * 20) == []
    judge.asked[0][1].set_result(0.8)
    assert len(user.say(0.0, 0.0)) == 1


def test_a_score_is_not_waited_for_when_the_user_has_gone_on():
    judge = Judge()
    user = Speaker(judge)
    assert user.say(*SPEECH, *[0.0] * 4, *WORD) == []
    assert judge.asked[0][1].cancelled()
    assert user.say(*[0.0] * 9) == []
    judge.asked[1][1].set_result(0.1)
    assert user.say(*[0.0] * 9) == []


def test_a_judge_that_fails_leaves_the_end_to_the_silence(caplog):
    user = Speaker(Judge(RuntimeError("no")))
    assert len(user.say(*SPEECH, *SILENCE)) == 1
    assert "the end of the turn could not be judged" in caplog.text


def test_the_end_of_the_input_ends_the_turn_whatever_the_score():
    user = Speaker(Judge(0.1))
    user.say(*SPEECH, *[0.0] * 4)
    assert len(utterances(user.end())) == 1


def test_the_score_is_kept_with_the_turn():
    user = Speaker(Judge(0.75))
    user.world.clock.advance(1.0)
    for message in user.stage.process(InputAudio(frames(*SPEECH, *SILENCE), user.world.clock()), lambda: True):
        user.world.records.observe(message)  # as the base loop does, before the handler goes on
    assert user.world.records._records[message.attempt].end_of_turn_score == 0.75


def test_a_client_that_stops_sending_in_a_pause_for_thought_is_silent_by_the_clock():
    user = Speaker(Judge(0.1), max_pause_ms=1_000.0)
    user.say(*SPEECH, *[0.0] * 10)
    ends = []
    for _ in range(12):
        user.world.clock.advance(0.1)
        ends.append(len(utterances(user.world.process(user.stage, [InputGap(user.world.clock())]))))
    assert sum(ends) == 1
    assert ends.index(1) == 7


# --- over a reply


def test_a_reply_is_held_with_the_first_voiced_frame_and_goes_on_after_a_click():
    user = Speaker()
    reply = user.assistant_speaks()
    user.say(0.9)
    assert user.turns.state(reply) is State.HELD
    assert user.say(0.9, *SILENCE) == []
    assert user.turns.state(reply) is State.PLAYING


def test_a_sound_that_is_too_short_to_be_an_interruption_is_not_even_transcribed():
    user = Speaker(min_interruption_ms=300.0)
    reply = user.assistant_speaks()
    assert user.say(*WORD, *SILENCE) == []
    assert user.turns.state(reply) is State.PLAYING


def test_a_longer_sound_is_transcribed_before_anything_is_decided():
    user = Speaker()
    reply = user.assistant_speaks()
    (utterance,) = user.say(*SPEECH, *SILENCE)
    assert user.turns.state(reply) is State.HELD
    assert user.turns.state(utterance.attempt) is State.PREPARING
    assert user.turns.doubtful(utterance.attempt)
    user.turns.discard(utterance.attempt)
    assert user.turns.state(reply) is State.PLAYING
    assert user.say(*SILENCE) == []


def test_words_end_the_reply():
    user = Speaker()
    reply = user.assistant_speaks()
    (utterance,) = user.say(*SPEECH, *SILENCE)
    user.turns.confirm(utterance.attempt)
    assert not user.turns.live(reply)
    assert user.turns.state(utterance.attempt) is State.COMMITTED


def test_a_reply_is_not_held_for_a_thoughtful_pause_after_a_cough():
    """It is transcribed after the shortest silence, though the judge would wait longer for the end of a turn."""
    user = Speaker(Judge(0.1))
    reply = user.assistant_speaks()
    (utterance,) = user.say(*SPEECH, *[0.0] * 8)
    user.turns.discard(utterance.attempt)
    assert user.turns.state(reply) is State.PLAYING
    assert user.say(*[0.0] * 60) == []
    assert user.turns.state(reply) is State.PLAYING


def test_a_sound_that_was_dismissed_is_not_transcribed_again_at_its_end():
    user = Speaker(Judge(0.1))
    reply = user.assistant_speaks()
    (cough,) = user.say(*SPEECH, *[0.0] * 8)
    user.turns.discard(cough.attempt)
    assert utterances(user.end()) == []
    assert user.turns.state(reply) is State.PLAYING


def test_an_interruption_with_a_pause_for_thought_is_one_turn():
    user = Speaker(Judge(0.1))
    user.assistant_speaks()
    (first,) = user.say(*SPEECH, *[0.0] * 8)
    user.turns.confirm(first.attempt)
    assert user.turns.state(first.attempt) is State.PREPARING
    assert user.say(*[0.0] * 10, *SPEECH) == []
    assert not user.turns.live(first.attempt)
    (whole,) = user.say(*[0.0] * 60)
    assert voiced(whole) == 2 * len(SPEECH)
    assert whole.turn == 2
    assert user.turns.state(whole.attempt) is State.COMMITTED


def test_an_interruption_that_was_transcribed_early_is_not_transcribed_again():
    user = Speaker(Judge(0.1), max_pause_ms=600.0)
    user.assistant_speaks()
    (early,) = user.say(*SPEECH, *[0.0] * 8)
    user.turns.confirm(early.attempt)
    assert user.say(*[0.0] * 20) == []
    assert user.turns.state(early.attempt) is State.COMMITTED


def test_what_is_said_after_a_dismissed_sound_is_a_turn_of_its_own():
    user = Speaker()
    user.assistant_speaks()
    (cough,) = user.say(*WORD, *SILENCE)
    user.turns.discard(cough.attempt)
    (words,) = user.say(*SPEECH, *SILENCE)
    assert voiced(words) == len(SPEECH)
    assert words.turn == 2


def test_a_long_interruption_ends_the_reply_before_it_is_over():
    user = Speaker()
    reply = user.assistant_speaks()
    frames_needed = int(np.ceil(SURELY_INTERRUPTS_MS / 32))
    user.say(*[0.9] * (frames_needed - 1))
    assert user.turns.state(reply) is State.HELD
    user.say(0.9)
    assert not user.turns.live(reply)
    (utterance,) = user.say(*SILENCE)
    assert user.turns.state(utterance.attempt) is State.COMMITTED
    assert voiced(utterance) == frames_needed


def test_a_part_of_a_long_interruption_ends_the_reply():
    user = Speaker(max_speech_ms=1_000.0)
    reply = user.assistant_speaks()
    messages = user.hear(frames(*[0.9] * 40))
    assert any(isinstance(message, SpeechPart) for message in messages)
    assert not user.turns.live(reply)


# --- half-duplex


def test_where_interruptions_are_not_allowed_nothing_is_heard_while_a_reply_is():
    user = Speaker(allow_interruptions=False)
    reply = user.assistant_speaks()
    assert user.say(*SPEECH, *SILENCE) == []
    assert user.turns.state(reply) is State.PLAYING
    user.turns.finish(reply, user.world.clock() + 0.2)
    assert user.say(*WORD[:6]) == []  # 192 ms: the end of the reply is still to be heard
    (utterance,) = user.say(*SPEECH, *SILENCE)
    assert voiced(utterance) == len(SPEECH)
    assert utterance.turn == 2


@pytest.mark.parametrize("allowed", [True, False])
def test_before_the_reply_is_heard_the_turn_goes_on_either_way(allowed):
    user = Speaker(allow_interruptions=allowed)
    (first,) = user.say(*SPEECH, *SILENCE)
    (second,) = user.say(*WORD, *SILENCE)
    assert second.turn == first.turn
    assert voiced(second) == len(SPEECH) + len(WORD)
