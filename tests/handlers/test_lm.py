"""What every LM stage does, with a backend of three lines and an engine that says what a test wants."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from handlers import lm
from handlers.lm import LMHandler, samples
from tests.fakes import RunningStage, Surroundings
from utils.conversation.messages import (
    InterimTranscript,
    ReplyAudio,
    ReplyEnd,
    ReplyHeard,
    Sentence,
    SpeechStarted,
    Transcript,
)
from utils.text.speakable_text import CODE
from utils.turns.chat import Chat
from utils.turns.turns import Turns

WORDS = "What is the capital of France?"


class Engine:
    """Says these pieces, each when `go_on` is set, and notes what it was given to read ahead."""

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces
        self.go_on = threading.Event()
        self.go_on.set()
        self.read: list[str | None] = []
        self.sessions = 0

    def new_chat(self):
        return Chat(2)

    def new_session(self):
        self.sessions += 1
        return self.sessions

    def prefill(self, session, chat, live, words=None):
        if live():
            self.read.append(words)

    def stream(self, session, chat, user_text, live):
        for number, piece in enumerate(self.pieces):
            if number and not live():
                return
            yield piece
            assert self.go_on.wait(30)


class SecondLMHandler(LMHandler):
    """Another backend."""

    engine_type = Engine


def put_transcript(world: Surroundings, stage: RunningStage) -> int:
    transcript = Transcript(world.transcribed(), 1, WORDS)
    world.records.observe(transcript)
    stage.inbox.put(transcript)
    return transcript.attempt


def test_a_reply_is_its_sentences_and_an_end():
    world = Surroundings()
    stage = world.stage(SecondLMHandler, Engine("The capital", " is Paris. It", " is old."))
    attempt = world.transcribed()
    *sentences, end = world.process(stage, [Transcript(attempt, 1, WORDS)])
    assert end == ReplyEnd(attempt)
    assert "".join(sentence.text for sentence in sentences) == "The capital is Paris. It is old."
    assert {type(sentence) for sentence in sentences} == {Sentence}


def test_a_reply_without_text_is_only_an_end():
    world = Surroundings()
    attempt = world.transcribed()
    stage = world.stage(SecondLMHandler, Engine())
    assert world.process(stage, [Transcript(attempt, 1, WORDS)]) == [ReplyEnd(attempt)]


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_what_no_reader_was_to_see_is_neither_spoken_nor_kept(size, caplog):
    caplog.set_level("INFO")
    reply = """<think>\nHm. Is it Paris?\n</think>\n\nIt is **Paris**.[1] {"name": "look", "arguments": {}} So:
```py\nx = 1\n```\nDone.<|im_end|>"""
    world = Surroundings()
    stage = world.stage(SecondLMHandler, Engine(*(reply[at : at + size] for at in range(0, len(reply), size))))
    attempt = world.transcribed()
    *sentences, end = world.process(stage, [Transcript(attempt, 1, WORDS)])
    assert end == ReplyEnd(attempt)
    assert " ".join(sentence.spoken for sentence in sentences).split() == f"It is Paris. So: {CODE} Done.".split()
    text = "".join(sentence.text for sentence in sentences)
    assert text == "It is **Paris**.[1]  So:\n```py\nx = 1\n```\nDone."
    [line] = [record.message for record in caplog.records if "not spoken" in record.message]
    assert line == "not spoken in this reply: a thought, a tool call, a control token, a citation, code"


def test_a_thought_alone_is_an_empty_reply():
    world = Surroundings()
    attempt = world.transcribed()
    stage = world.stage(SecondLMHandler, Engine("<think>Hm, ", "so."))
    assert world.process(stage, [Transcript(attempt, 1, WORDS)]) == [ReplyEnd(attempt)]


def test_when_a_reply_has_been_heard_the_history_is_read_as_the_next_turn_finds_it():
    world, engine = Surroundings(), Engine()
    assert world.process(world.stage(SecondLMHandler, engine), [ReplyHeard()]) == []
    assert engine.read == [None]


def test_while_the_user_speaks_the_history_is_read_and_then_the_words():
    world, engine = Surroundings(), Engine()
    stage = world.stage(SecondLMHandler, engine)
    number = world.context.interim.begin()
    assert world.process(stage, [SpeechStarted(1), InterimTranscript(number, 1, WORDS)]) == []
    assert engine.read == [None, WORDS]


def test_words_that_are_not_wanted_any_more_are_not_read():
    world, engine = Surroundings(), Engine()
    stage = world.stage(SecondLMHandler, engine)
    old, new = world.context.interim.begin(), world.context.interim.begin()
    assert world.process(stage, [InterimTranscript(old, 1, "What"), InterimTranscript(new, 1, WORDS)]) == []
    assert engine.read == [WORDS]


def test_each_conversation_has_a_session_that_ends_with_it():
    engine = Engine()
    stages = [Surroundings().stage(SecondLMHandler, engine) for _ in range(2)]
    assert [stage._session for stage in stages] == [1, 2]
    stages[0].cleanup()
    assert not hasattr(stages[0], "_session")


@pytest.fixture
def long_reply() -> Engine:
    return Engine(*["That is so. And "] * 20)


def test_the_model_rests_until_the_first_piece_is_heard(monkeypatch, long_reply):
    world = Surroundings()
    monkeypatch.setattr(lm, "LONGEST_REST_S", 60.0)
    long_reply.go_on.clear()
    with RunningStage(world, SecondLMHandler, long_reply) as stage:
        attempt = put_transcript(world, stage)
        first = stage.outbox.get()
        long_reply.go_on.set()
        assert not world.records.wait_for_voice(attempt, 0.0)
        assert len(stage.outbox) == 0
        world.records.observe(ReplyAudio(attempt, np.zeros(1, dtype=np.int16), first.text, False))
        pieces = 1
        while isinstance(stage.outbox.get(), Sentence):
            pieces += 1
    assert pieces > 20


def test_a_voice_that_never_begins_is_not_waited_for(monkeypatch, long_reply):
    monkeypatch.setattr(lm, "LONGEST_REST_S", 0.01)
    world = Surroundings()
    with RunningStage(world, SecondLMHandler, long_reply) as stage:
        put_transcript(world, stage)
        while not isinstance(stage.outbox.get(), ReplyEnd):
            pass


@pytest.mark.parametrize(
    ("options", "sampled", "line"),
    [
        ({}, False, None),
        ({"temperature": 0.0}, False, None),
        ({"temperature": 0.7, "do_sample": True}, True, None),
        ({"do_sample": True}, True, None),
        ({"temperature": 0.0, "do_sample": False}, False, None),
        (
            {"temperature": 0.7, "do_sample": False, "top_k": 3},
            False,
            "no effect with --lm_gen_do_sample false: --lm_gen_temperature, --lm_gen_top_k",
        ),
        (
            {"temperature": 0.0, "do_sample": True, "min_p": 0.1},
            False,
            "no effect without an --lm_gen_temperature above 0: --lm_gen_do_sample true, --lm_gen_min_p",
        ),
        (
            {"temperature": 0.0, "top_p": 0.9},
            False,
            "no effect without an --lm_gen_temperature above 0: --lm_gen_top_p",
        ),
    ],
)
def test_what_has_no_effect_on_sampling_is_named(caplog, options, sampled, line):
    assert samples(options) is sampled
    assert caplog.messages == ([] if line is None else [line])


@pytest.fixture
def rests(monkeypatch):
    """The attempts during whose hold the making of the reply rested."""
    found = []
    monkeypatch.setattr(Turns, "wait_while_held", lambda self, attempt, seconds: found.append(attempt) or True)
    return found


def test_the_model_rests_while_its_reply_is_held(rests):
    class Asking(Engine):
        def stream(self, session, chat, user_text, live):
            assert live()
            yield "Yes."

    world = Surroundings()
    attempt = world.transcribed()
    world.process(world.stage(SecondLMHandler, Asking()), [Transcript(attempt, 1, WORDS)])
    assert rests == [attempt]
