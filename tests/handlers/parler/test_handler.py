"""Tests of handlers/parler/handler.py with a tiny checkpoint: streaming, cancelling, failing."""

from __future__ import annotations

import contextlib
import math
import threading
import time

import numpy as np
import pytest

from benchmarks.parler_reference.client import Case
from handlers.parler.chunks import LARGEST
from handlers.parler.handler import ParlerTTSHandler
from handlers.tts import AHEAD
from tests.fakes import Surroundings
from tests.parler_checkpoint import DELAY, HOP, SHORT_FRAMES, steps_of
from tests.waiting import wait_until
from utils.audio.wire import to_pcm
from utils.conversation.messages import ReplyEnd, Sentence
from utils.system.engine_thread import always

STEPS = 135
FRAMES = STEPS - DELAY
TEXT = "Hello there."


@pytest.fixture(scope="module")
def engine(load_parler):
    return load_parler(gen_kwargs=steps_of(STEPS))


@pytest.fixture(scope="module")
def brief_engine(load_parler):
    return load_parler()


@pytest.fixture
def steps(engine, engine_thread):
    """Counts what the decoder and the codec do; `on_step(n)` is called in each step."""
    counted = Steps(engine, engine_thread)
    yield counted
    counted.close()


class Steps:
    def __init__(self, engine, engine_thread):
        self.made = 0
        self.on_step = lambda made: None
        self._thread = engine_thread
        self._paused = threading.Event()
        self._speech, self._begin = engine.speech, engine.speech.begin
        engine.speech.begin = self._counted

    @contextlib.contextmanager
    def paused_at(self, step):
        """The engine waits in this step until the block is left."""
        gate = threading.Event()
        self._paused.clear()

        def pause(made):
            if made == step:
                self._paused.set()
                gate.wait()

        self.on_step = pause
        try:
            yield
        finally:
            gate.set()

    def wait_paused(self):
        assert self._paused.wait(60)

    def when_idle(self):
        """Steps made, once the engine has nothing more to do."""
        return self._thread.call(lambda: self.made)

    def close(self):
        self._speech.begin = self._begin

    def _counted(self, *arguments):
        batch = self._begin(*arguments)
        advance = batch.advance

        def step():
            self.made += 1
            self.on_step(self.made)
            return advance()

        batch.advance = step
        return batch


def test_a_sentence_becomes_audio(engine, open_stage, audio_of):
    [sentence] = open_stage(ParlerTTSHandler, engine).reply(TEXT)
    audio = audio_of(sentence)
    assert audio.dtype == np.int16
    assert len(audio) == FRAMES * HOP
    assert 1_000 < np.std(audio) < 20_000
    assert max(len(message.samples) for message in sentence) <= 8_820


@pytest.mark.parametrize("play_steps_s", [0.01, 0.75, 30.0])
def test_the_stream_is_what_generate_makes_of_all_the_codes(
    load_parler, speak, reference, parler_checkpoint, play_steps_s
):
    engine = load_parler(play_steps_s=play_steps_s, gen_kwargs=steps_of(STEPS))
    case = Case(TEXT, "A calm voice.", 3, steps_of(STEPS))
    expected = to_pcm(reference.generate(parler_checkpoint, [case])[0][1].numpy())
    audio = speak(engine)
    assert len(audio) == len(expected)
    assert np.abs(audio.astype(int) - expected).max() <= 1  # of 32,768: rounding


@pytest.mark.parametrize("play_steps_s", [0.02, 0.2, 0.5])
def test_the_first_chunk_is_as_long_as_asked_for(load_parler, play_steps_s):
    engine = load_parler(play_steps_s=play_steps_s, gen_kwargs=steps_of(STEPS))
    with contextlib.closing(engine.stream(TEXT, always)) as stream:
        assert 0 <= len(next(stream)) - play_steps_s * 44_100 < HOP


def test_audio_comes_while_the_rest_is_being_made(engine, steps):
    stream = engine.stream(TEXT, always)
    with steps.paused_at(40):
        first = next(stream)
    assert 0.2 * 44_100 <= len(first) < 0.2 * 44_100 + HOP
    assert len(first) + sum(map(len, stream)) == FRAMES * HOP
    assert steps.made == STEPS


def test_it_does_not_run_ahead_of_a_paused_listener(load_parler, engine_thread):
    engine = load_parler(gen_kwargs=steps_of(1_000))
    counted = Steps(engine, engine_thread)
    most = math.ceil((AHEAD + LARGEST * HOP) / HOP) + LARGEST + DELAY
    with contextlib.closing(engine.stream(TEXT, always)) as stream:
        next(stream)
        wait_until(lambda: counted.made >= AHEAD / HOP, "the engine to run ahead")
        made = -1
        while counted.made > made:  # a second without a step: it waits
            made = counted.made
            time.sleep(1)
        assert counted.made <= most
        length = sum(map(len, stream))
    assert counted.made == 1_000
    assert length > (1_000 - DELAY - most) * HOP


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", 1),
        ("Ça va ? 你好,世界。 Zażółć gęślą jaźń 🙂", 1),
        ("word " * 90, 12),  # an utterance as short as this engine's has room for 40 letters
        ("...", 1),
        ("\u0000 \ufffd", 1),
    ],
    ids=["short", "unicode", "long", "dots", "control"],
)
def test_any_text_is_spoken(brief_engine, open_stage, audio_of, text, parts):
    [sentence] = open_stage(ParlerTTSHandler, brief_engine).reply(text)
    assert len(audio_of(sentence)) == parts * SHORT_FRAMES * HOP


def test_three_sentences_in_sequence(brief_engine, open_stage, audio_of):
    stage = open_stage(ParlerTTSHandler, brief_engine)
    for sentence in stage.reply("One.", "Two.", "Three."):
        assert len(audio_of(sentence)) == SHORT_FRAMES * HOP
    assert len(stage.records.observed) > 3


@pytest.mark.parametrize("spoken", ["", " \n"])
def test_nothing_to_speak_is_one_empty_message(engine, open_stage, steps, spoken):
    [[message]] = open_stage(ParlerTTSHandler, engine).reply(spoken)
    assert message.ends_sentence
    assert len(message.samples) == 0
    assert steps.made == 0


def test_a_cancelled_reply_stops_at_the_next_step(engine, open_stage, steps):
    stage = open_stage(ParlerTTSHandler, engine)
    attempt = stage.attempt()
    cancelled = threading.Event()

    def cancel_at(made):
        if made == 80:
            stage.turns.cancel(attempt)
            cancelled.set()

    steps.on_step = cancel_at
    stage.put(Sentence(attempt, TEXT, TEXT), ReplyEnd(attempt))
    assert cancelled.wait(60)
    assert steps.when_idle() == 80
    steps.on_step = lambda made: None
    assert len(stage.reply("The next one.")) == 1
    assert steps.when_idle() == 80 + STEPS


def test_a_reply_cancelled_before_its_turn_is_not_begun(engine, speak, steps):
    assert len(speak(engine, live=lambda: False)) == 0
    assert steps.when_idle() == 0


def test_closing_the_stream_stops_at_the_next_step(engine, steps):
    stream = engine.stream(TEXT, always)
    with steps.paused_at(60):
        next(stream)
        steps.wait_paused()
        stream.close()
    assert steps.when_idle() == 60


def test_closing_process_closes_the_stream(engine, steps):
    handler = Surroundings().stage(ParlerTTSHandler, engine)
    with steps.paused_at(60):
        messages = handler.process(Sentence(1, TEXT, TEXT), always)
        assert next(messages).text == TEXT
        steps.wait_paused()
        messages.close()
    assert steps.when_idle() == 60


def test_a_failing_model_fails_the_turn_and_the_next_one_works(engine, open_stage, audio_of, steps, caplog):
    stage = open_stage(ParlerTTSHandler, engine)

    def fail_at(made):
        if made == 80:
            raise RuntimeError("the device is on fire")

    steps.on_step = fail_at
    attempt = stage.attempt()
    stage.put(Sentence(attempt, "One.", "One."), Sentence(attempt, "Two.", "Two."), ReplyEnd(attempt))
    *audio, end = stage.take(lambda message: isinstance(message, ReplyEnd))
    assert end == ReplyEnd(attempt, failed=True)
    assert len(audio_of(audio)) > 0
    assert not any(message.ends_sentence for message in audio)
    assert "the device is on fire" in caplog.text
    [sentence] = stage.reply("Three.")
    assert len(audio_of(sentence)) == FRAMES * HOP
