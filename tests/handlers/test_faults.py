"""Stages that raise, whichever and whenever: a held reply goes on or the turn ends, and the next turn works."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.base import BaseHandler
from tests.handlers.test_interleavings import BLOCKS, STEPS, TEXTS, Whole
from tests.handlers.vad.test_handler import Scripted
from tests.handlers.vad.test_turn_taking import SILENCE, SPEECH, Judge, Speaker
from utils.conversation.messages import InputAudio, ReplyEnd, ReplyHeard, Sentence, SpeechStarted, Transcript
from utils.turns.turns import State, Turns

FAULT = 2.0  # a sample that silero can't take


@pytest.fixture(autouse=True)
def quietly(caplog):
    caplog.set_level(logging.CRITICAL)  # thousands of tracebacks otherwise


class Breakable(Scripted):
    def step(self, frame, state):
        if frame[0] == FAULT:
            raise ValueError("no such sound")
        return super().step(frame, state)


class Writer(BaseHandler):
    """A language model that breaks before its first sentence, after it, or not at all."""

    handles = (Transcript,)

    def setup(self, engine) -> None:
        self.breaks_after = 2

    def process(self, message, live):
        for number, text in enumerate((f"Answer {message.attempt} begins. ", f"Answer {message.attempt} ends.")):
            if number == self.breaks_after:
                raise RuntimeError("out of memory")
            yield Sentence(message.attempt, text, text)
        yield ReplyEnd(message.attempt)


class Faulty(Whole):
    """The same conversation, whose stages run in the real loop and can break."""

    def __init__(self, smart: bool, speculative_silence_ms: float) -> None:
        super().__init__(smart, speculative_silence_ms)
        self.user.stage._hearing._model = Breakable()
        self.writer = self.world.stage(Writer, None)
        self.breaks = False
        self.steps |= {
            "vad breaks": lambda frames: self.hear(FAULT, frames), "stt breaks": self._stt_breaks,
            "lm breaks": self._lm_breaks,
        }  # fmt: skip

    def transcribe(self, audio, live, over_reply, memo):
        if self.breaks:
            raise ValueError("no such words")
        return self.text

    def hear(self, probability: float, count: int) -> None:
        for _ in range(count):
            self.world.clock.advance(0.032)
            block = InputAudio(np.full(512, probability, dtype=np.float32), self.world.clock())
            for message in outputs(self.user.stage, block):
                if not isinstance(message, ReplyHeard | SpeechStarted):
                    self.utterances.append(message)

    def transcribe_next(self, text: str) -> None:
        if self.utterances:
            self.text = text
            given = outputs(self.stt, self.utterances.pop(0))
            self.transcripts += [message for message in given if isinstance(message, Transcript)]

    def answer_next(self) -> None:
        if not self.transcripts:
            return
        transcript = self.transcripts.pop(0)
        sentences = [given for given in outputs(self.writer, transcript) if isinstance(given, Sentence)]
        if self.turns.live(transcript.attempt):
            blocks = [(sentence.text, block) for sentence in sentences for block in range(BLOCKS)]
            self.replies[transcript.attempt] = blocks

    def _stt_breaks(self, text: str) -> None:
        self.breaks = True
        self.transcribe_next(text)
        self.breaks = False

    def _lm_breaks(self, after: int) -> None:
        self.writer.breaks_after = after
        self.answer_next()
        self.writer.breaks_after = 2


def outputs(stage: BaseHandler, message) -> list:
    stage._take(message)
    queue = stage._outbox
    return [queue.get() for _ in range(len(queue))]


FAULTS = st.one_of(
    STEPS,
    st.tuples(st.just("vad breaks"), st.integers(1, 3)),
    st.tuples(st.just("stt breaks"), st.sampled_from(TEXTS)),
    st.tuples(st.just("stt"), st.just("Stop it.")),
    st.tuples(st.just("lm breaks"), st.integers(0, 1)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(FAULTS, max_size=40), st.booleans(), st.sampled_from([0.0, 64.0, 128.0]))
def test_whatever_breaks_the_next_turn_works(steps, smart, speculative_silence_ms):
    whole = Faulty(smart, speculative_silence_ms)
    for name, value in steps:
        whole.steps[name](value)
    whole.drain()
    assert not whole.turns.reply_is_held()
    assert whole.turns.live_attempts() == []
    heard = len(whole.heard)
    whole.hear(0.9, 12)
    whole.drain()
    assert len(whole.heard) == heard + 1


def test_a_recogniser_that_breaks_over_a_held_reply_lets_it_go_on():
    whole = Faulty(False, 0.0)
    whole.begin_to_answer(2)
    (heard,) = whole.turns.live_attempts()
    whole.hear(0.9, 12)
    assert whole.turns.state(heard) is State.HELD
    whole.hear(0.0, 12)
    whole._stt_breaks("Stop it.")
    assert whole.turns.state(heard) is State.PLAYING
    assert whole.turns.live_attempts() == [heard]


@pytest.mark.parametrize("moment", ["onset", "speech", "pause"])
def test_a_vad_that_breaks_over_a_held_reply_lets_it_go_on(moment):
    whole = Faulty(False, 0.0)
    whole.begin_to_answer(2)
    (heard,) = whole.turns.live_attempts()
    whole.hear(0.9, 2 if moment == "onset" else 12)
    whole.hear(0.0, 4 if moment == "pause" else 0)
    assert whole.turns.state(heard) is State.HELD
    whole.hear(FAULT, 1)
    whole.transcribe_next("Mm-hm.")  # where it was asked what the sound was
    assert whole.turns.state(heard) is State.PLAYING


def test_a_language_model_that_breaks_before_its_first_sentence_ends_the_turn_and_the_words_are_shown():
    whole = Faulty(False, 0.0)
    whole.hear(0.9, 12)
    whole.hear(0.0, 12)
    whole.transcribe_next("Tell me more.")
    whole._lm_breaks(0)
    assert whole.turns.live_attempts() == []
    assert whole.world.lines[0] == "USER: Tell me more."
    assert whole.world.chat.messages("now")[0] == {"role": "user", "content": "Tell me more."}


def test_what_was_made_before_a_fault_is_heard():
    whole = Faulty(False, 0.0)
    whole.hear(0.9, 12)
    whole.hear(0.0, 12)
    whole.transcribe_next("Tell me more.")
    whole._lm_breaks(1)
    whole.drain()
    assert list(whole.heard.values()) == [BLOCKS]


def test_words_that_were_heard_before_the_vad_broke_are_answered():
    user = Speaker(Judge(0.9), speculative_silence_ms=64.0)
    user.say(*SPEECH, 0.0, 0.0, 0.0)
    (attempt,) = user.turns.live_attempts()
    assert user.turns.state(attempt) is State.PREPARING
    user.stage.recover()
    assert user.turns.state(attempt) is State.COMMITTED
    (utterance,) = user.say(*SPEECH, *SILENCE)
    assert utterance.turn == 1  # nothing of it was heard, so the user goes on with it


def test_a_hold_that_nobody_ends_ends(caplog):
    caplog.set_level(logging.WARNING)
    turns = Turns()
    turns.commit(reply := turns.begin())
    assert turns.play(reply)
    turns.user_speaks(words=False)
    turns.begin()
    assert turns.state(reply) is State.HELD
    assert turns.wait_audible(reply, 0.01)
    assert "the reply goes on: for 0 s it was not known what a sound over it was" in caplog.messages


def test_words_that_are_known_too_late_for_the_hold_still_end_the_reply():
    turns = Turns()
    turns.commit(reply := turns.begin())
    turns.play(reply)
    turns.user_speaks(words=False)
    turns.commit(late := turns.begin())
    assert turns.wait_audible(reply, 0.01)
    assert turns.confirm(late)
    assert turns.state(reply) is State.CANCELLED
    assert turns.state(late) is State.COMMITTED
