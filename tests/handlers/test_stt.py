"""What every STT stage does, with a backend of three lines and an engine that hears what a test says."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest

from handlers.stt import STTHandler
from tests.fakes import RunningStage, Surroundings
from utils.conversation.messages import (
    InterimAudio,
    InterimTranscript,
    ReplyHeard,
    SpeechPart,
    Transcript,
    Utterance,
)
from utils.turns.turns import State

AUDIO = np.zeros(1_600, dtype=np.float32)


class Engine:
    """Hears one text a call, and notes what it was asked. Its memo is the list of the texts heard with it."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.over_reply: list[bool] = []
        self.remembered: list[tuple[str, ...]] = []

    def new_memo(self):
        return []

    def transcribe(self, audio, live, over_reply, memo):
        self.over_reply.append(over_reply)
        self.remembered.append(tuple(memo))
        memo.append(self.texts[0])
        return self.texts.pop(0)


class SecondSTTHandler(STTHandler):
    """Another backend."""

    engine_type = Engine


def test_the_base_loads_what_its_backend_names():
    assert isinstance(SecondSTTHandler.load("thread"), Engine)


@pytest.mark.parametrize("module", ["handlers.stt", "handlers.lm", "handlers.tts", "utils.conversation.dialogue"])
def test_a_backend_that_is_only_a_client_imports_no_model_library(module):
    code = f"import sys, {module}; print([name for name in ('torch', 'transformers') if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"


# --- parts


def test_the_parts_of_a_turn_are_joined_and_the_next_turn_has_none_of_them():
    world, engine = Surroundings(), Engine("One two", "", "three.", "Four.")
    stage = world.stage(SecondSTTHandler, engine)
    attempt = world.transcribed()
    messages = [SpeechPart(1, AUDIO), SpeechPart(1, AUDIO), Utterance(attempt, 1, AUDIO, 0.0)]
    assert world.process(stage, messages) == [Transcript(attempt, 1, "One two three.")]
    world.turns.play(attempt)
    world.turns.finish(attempt)
    following = world.transcribed()
    assert world.process(stage, [Utterance(following, 2, AUDIO, 0.0)]) == [Transcript(following, 2, "Four.")]


def test_an_interim_transcript_has_the_words_of_the_parts_before_it():
    world, engine = Surroundings(), Engine("One two", "three")
    stage = world.stage(SecondSTTHandler, engine)
    number = world.context.interim.begin()
    out = world.process(stage, [SpeechPart(1, AUDIO), InterimAudio(number, 1, AUDIO)])
    assert out == [InterimTranscript(number, 1, "One two three")]


def test_the_memo_is_that_of_the_speech_since_the_last_part_of_the_turn():
    world, engine = Surroundings(), Engine("a", "a b", "c", "c d", "e")
    stage = world.stage(SecondSTTHandler, engine)
    interim = world.context.interim
    for message in (
        lambda: InterimAudio(interim.begin(), 1, AUDIO),
        lambda: SpeechPart(1, AUDIO),
        lambda: InterimAudio(interim.begin(), 1, AUDIO),
        lambda: Utterance(world.transcribed(), 1, AUDIO, 0.0),
        lambda: Utterance(world.transcribed(), 2, AUDIO, 0.0),
    ):
        world.process(stage, [message()])
    assert engine.remembered == [(), ("a",), (), ("c",), ()]


# --- nothing


def test_an_empty_transcript_is_no_turn():
    world = Surroundings()
    stage = world.stage(SecondSTTHandler, Engine(""))
    attempt = world.transcribed()
    assert world.process(stage, [Utterance(attempt, 1, AUDIO, 0.0)]) == []
    assert not world.turns.live(attempt)
    assert world.turns.next_turn() == 1
    assert world.lines == []


# --- over a reply


@pytest.mark.parametrize(
    ("text", "interrupts"),
    [("Not so fast!", True), ("And then?", True), ("Mm-hm.", False), ("", False), ("capital of France", False)],
)
def test_what_is_said_over_a_reply_stops_it_or_does_not(text, interrupts):
    world, engine = Surroundings(), Engine(text)
    stage = world.stage(SecondSTTHandler, engine)
    reply = world.transcribed()
    world.turns.play(reply)
    world.records.sentence_starts(reply, "The capital of France is Paris.")
    world.turns.user_speaks()
    attempt = world.turns.begin()
    world.turns.commit(attempt)
    out = world.process(stage, [Utterance(attempt, 2, AUDIO, 0.0)])
    assert engine.over_reply == [True]
    assert out == ([Transcript(attempt, 2, text)] if interrupts else [])
    assert world.turns.state(reply) is (State.CANCELLED if interrupts else State.PLAYING)
    assert world.turns.live(attempt) == interrupts


def test_a_stop_ends_the_reply_and_is_remembered_and_not_answered():
    world, engine = Surroundings(), Engine("Stop!")
    stage = world.stage(SecondSTTHandler, engine)
    reply = world.transcribed()
    world.turns.play(reply)
    world.turns.user_speaks()
    world.turns.commit(attempt := world.turns.begin())
    world.records.observe(utterance := Utterance(attempt, 2, AUDIO, 0.0))
    assert world.process(stage, [utterance]) == []
    assert world.turns.live_attempts() == []
    assert "USER: Stop!" in world.lines
    assert world.chat.messages("now")[-2] == {"role": "user", "content": "Stop!"}
    assert world.turns.next_turn() == 3


def test_the_same_in_silence_is_a_turn():
    world, engine = Surroundings(), Engine("Mm-hm.")
    attempt = world.transcribed()
    assert len(world.process(world.stage(SecondSTTHandler, engine), [Utterance(attempt, 1, AUDIO, 0.0)])) == 1
    assert engine.over_reply == [False]


# --- the same words


@pytest.mark.parametrize(
    ("again", "goes_on"), [("what time, is it", True), ("", True), ("What time is it in Rome?", False)]
)
def test_an_attempt_goes_on_when_the_next_one_says_no_more(again, goes_on):
    world, engine = Surroundings(), Engine("What time is it?", again)
    stage = world.stage(SecondSTTHandler, engine)
    first = world.turns.begin()
    world.process(stage, [Utterance(first, 1, AUDIO, 0.0, speculative=True)])
    world.turns.user_speaks(words=False)
    second = world.turns.begin()
    out = world.process(stage, [Utterance(second, 1, AUDIO, 0.0, speculative=True)])
    assert out == ([] if goes_on else [Transcript(second, 1, again)])
    assert world.turns.live_attempts() == [first if goes_on else second]


# --- interim results


def heard(engine: Engine, interim: int | None, number: int = 1) -> list:
    """What comes of interim audio and then of an utterance, which has the words of the request `interim`."""
    world = Surroundings()
    stage = world.stage(SecondSTTHandler, engine)
    while world.context.interim.begin() < number:
        pass
    attempt = world.committed()
    return world.process(stage, [InterimAudio(number, 1, AUDIO), Utterance(attempt, 1, AUDIO, 0.0, interim=interim)])


def test_an_interim_transcript_is_the_utterance_s_where_no_sound_has_followed():
    engine = Engine("Hello.")
    interim, transcript = heard(engine, interim=1)
    assert interim == InterimTranscript(1, 1, "Hello.")
    assert (type(transcript), transcript.text) == (Transcript, "Hello.")
    assert engine.texts == []


def test_an_utterance_with_other_words_is_transcribed():
    engine = Engine("Hello.", "Hello you.")
    assert [message.text for message in heard(engine, interim=None)] == ["Hello.", "Hello you."]


def test_where_nothing_was_understood_it_is_heard_again():
    (transcript,) = heard(Engine("", "Hello."), interim=1)
    assert (type(transcript), transcript.text) == (Transcript, "Hello.")


@pytest.mark.parametrize("text", ["", "Uh."])
def test_what_was_heard_ahead_over_a_reply_settles_at_once_what_the_sound_was(text):
    world, engine = Surroundings(), Engine(text)
    stage, interim = world.stage(SecondSTTHandler, engine), world.context.interim
    reply = world.committed()
    world.turns.play(reply)
    world.turns.user_speaks(words=False)
    number = interim.begin()
    assert world.process(stage, [InterimAudio(number, 2, AUDIO, over_reply=True)]) == []  # nothing to be read ahead
    attempt = world.turns.begin()
    assert world.process(stage, [Utterance(attempt, 2, AUDIO, 0.0, speculative=True, interim=number)]) == []
    assert engine.texts == []
    assert engine.over_reply == [True]
    assert world.turns.state(reply) is State.PLAYING


def test_when_a_reply_has_been_heard_what_helped_to_understand_it_goes_and_the_parts_of_a_turn_stay():
    world, engine = Surroundings(), Engine("One.", "Two.", "Three.")
    stage = world.stage(SecondSTTHandler, engine)
    attempt, number = world.committed(), world.context.interim.begin()
    out = world.process(stage, [SpeechPart(1, AUDIO), InterimAudio(number, 1, AUDIO), ReplyHeard()])
    assert out[-1] == ReplyHeard()
    (transcript,) = world.process(stage, [Utterance(attempt, 1, AUDIO, 0.0)])
    assert transcript.text == "One. Three."
    assert engine.remembered == [(), (), ()]


def test_what_was_heard_ahead_in_silence_is_heard_again_over_a_reply():
    world, engine = Surroundings(), Engine("Uh.", "Where is that?")
    stage, interim = world.stage(SecondSTTHandler, engine), world.context.interim
    world.turns.play(world.committed())
    world.turns.user_speaks(words=False)
    number = interim.begin()
    world.process(stage, [InterimAudio(number, 2, AUDIO)])
    attempt = world.turns.begin()
    (transcript,) = world.process(stage, [Utterance(attempt, 2, AUDIO, 0.0, interim=number)])
    assert transcript.text == "Where is that?"


def test_what_is_not_wanted_any_more_is_not_transcribed():
    world, engine = Surroundings(), Engine("Hello.")
    stage = world.stage(SecondSTTHandler, engine)
    number = world.context.interim.begin()
    world.context.interim.drop()
    assert world.process(stage, [InterimAudio(number, 1, AUDIO)]) == []
    assert engine.texts == ["Hello."]


def test_how_long_a_transcription_takes_is_measured_for_interim_results():
    world = Surroundings()

    class Slow(Engine):
        def transcribe(self, audio, live, over_reply, memo):
            world.clock.advance(0.75)
            return super().transcribe(audio, live, over_reply, memo)

    stage = world.stage(SecondSTTHandler, Slow("Hello."))
    world.process(stage, [Utterance(world.transcribed(), 1, AUDIO, 0.0)])
    assert world.context.interim.usual_ms() == pytest.approx(750.0)


class Waits(Engine):
    """Is at work until nobody wants the result."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.pause = threading.Event(), threading.Event()

    def transcribe(self, audio, live, over_reply, memo):
        self.began.set()
        while live():
            self.pause.wait(0.001)
        raise CancelledError


def test_one_that_is_being_made_stops_when_it_is_not_wanted():
    world, engine = Surroundings(), Waits()
    number = world.context.interim.begin()
    with RunningStage(world, SecondSTTHandler, engine) as stage:
        stage.inbox.put(InterimAudio(number, 1, AUDIO))
        assert engine.began.wait(10)
        world.context.interim.begin()
        stage.inbox.put(Transcript(world.committed(), 1, "passed on"))  # the stage goes on
        assert stage.outbox.get().text == "passed on"


class BreaksOnce(Engine):
    """Fails at its first call."""

    def transcribe(self, audio, live, over_reply, memo):
        if not self.over_reply:
            self.over_reply.append(over_reply)
            raise RuntimeError("out of order")
        return super().transcribe(audio, live, over_reply, memo)


def test_where_it_breaks_the_utterance_is_transcribed_all_the_same(caplog):
    world = Surroundings()
    number, attempt = world.context.interim.begin(), world.committed()
    with RunningStage(world, SecondSTTHandler, BreaksOnce("Hello.")) as stage:
        stage.inbox.put(InterimAudio(number, 1, AUDIO))
        stage.inbox.put(Utterance(attempt, 1, AUDIO, 0.0, interim=number))
        assert stage.outbox.get() == Transcript(attempt, 1, "Hello.")
    assert "SecondSTTHandler failed on InterimAudio" in caplog.text


def test_a_request_is_taken_whether_it_is_wanted_or_not():
    world = Surroundings()
    stage, interim = world.stage(SecondSTTHandler, Engine("Hello.")), world.context.interim
    first, second = interim.begin(), interim.begin()
    assert not interim.has_room()
    world.process(stage, [InterimAudio(first, 1, AUDIO)])
    assert interim.has_room()
    world.process(stage, [InterimAudio(second, 1, AUDIO)])
    assert interim.has_room()
