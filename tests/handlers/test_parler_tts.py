"""Tests of handlers/parler_tts.py with the real library and a tiny checkpoint: streaming, cancelling, failing."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest
import torch

from handlers.parler_tts import ParlerTTSHandler
from tests.parler_checkpoint import DELAY, HOP, SHORT_FRAMES, steps_of
from utils.messages import ReplyEnd, Sentence
from utils.wire_protocol import to_pcm

STEPS = 135  # three decodes
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
        self.decodes = 0
        self.on_step = lambda made: None
        self._thread = engine_thread
        self._paused = threading.Event()
        model = engine._model
        self._hook = model.decoder.register_forward_pre_hook(lambda *_: self._step())
        self._codec, self._decode = model.audio_encoder, model.audio_encoder.decode
        model.audio_encoder.decode = self._count_decode

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
        self._hook.remove()
        self._codec.decode = self._decode

    def _step(self):
        self.made += 1
        self.on_step(self.made)

    def _count_decode(self, *args, **kwargs):
        self.decodes += 1
        return self._decode(*args, **kwargs)


def test_a_sentence_becomes_audio(engine, open_stage, audio_of):
    [sentence] = open_stage(ParlerTTSHandler, engine).reply(TEXT)
    audio = audio_of(sentence)
    assert audio.dtype == np.int16
    assert len(audio) == FRAMES * HOP
    assert 1_000 < np.std(audio) < 20_000
    assert max(len(message.samples) for message in sentence) <= 8_820


@pytest.mark.parametrize("play_steps_s", [0.01, 0.75, 30.0])
def test_the_stream_is_what_generate_makes_of_all_the_codes(load_parler, speak, engine_thread, play_steps_s):
    engine = load_parler(play_steps_s=play_steps_s, gen_kwargs=steps_of(STEPS))

    def whole():
        torch.manual_seed(3)
        prompt = engine._tokenizer(TEXT, return_tensors="pt").input_ids
        with torch.inference_mode():
            return engine._model.generate(**engine._description, prompt_input_ids=prompt, **engine._options)[0].numpy()

    expected = to_pcm(engine_thread.call(whole))
    audio = speak(engine)
    assert len(audio) == len(expected)
    assert np.abs(audio.astype(int) - expected).max() <= 1  # of 32,768: rounding


def test_audio_comes_while_the_rest_is_being_made(engine, steps):
    stream = engine.stream(TEXT, lambda: True)
    with steps.paused_at(100):
        first = next(stream)
    assert 0.5 * 44_100 < len(first) < 65 * HOP
    assert len(first) + sum(map(len, stream)) == FRAMES * HOP
    assert steps.made == STEPS


def test_a_sentence_is_not_decoded_once_more_at_its_end(engine, speak, steps):
    speak(engine)
    assert steps.decodes == STEPS // 65 + 1


@pytest.mark.parametrize(
    "text",
    ["a", "Ça va ? 你好,世界。 Zażółć gęślą jaźń 🙂", "word " * 90, "...", "\u0000 \ufffd"],
    ids=["short", "unicode", "long", "dots", "control"],
)
def test_any_text_is_spoken(brief_engine, open_stage, audio_of, text):
    [sentence] = open_stage(ParlerTTSHandler, brief_engine).reply(text)
    assert len(audio_of(sentence)) == SHORT_FRAMES * HOP


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
    assert steps.decodes == 1
    steps.on_step = lambda made: None
    assert len(stage.reply("The next one.")) == 1
    assert steps.when_idle() == 80 + STEPS


def test_a_reply_cancelled_before_its_turn_is_not_begun(engine, speak, steps):
    assert len(speak(engine, live=lambda: False)) == 0
    assert steps.when_idle() == 0


def test_closing_the_stream_stops_at_the_next_step(engine, steps):
    stream = engine.stream(TEXT, lambda: True)
    with steps.paused_at(100):
        next(stream)
        steps.wait_paused()
        stream.close()
    assert steps.when_idle() == 100
    assert steps.decodes == 1


def test_closing_process_closes_the_stream(engine, steps):
    handler = ParlerTTSHandler(None, None, None)
    handler.setup(engine)
    with steps.paused_at(100):
        messages = handler.process(Sentence(1, TEXT, TEXT), lambda: True)
        assert next(messages).text == TEXT
        steps.wait_paused()
        messages.close()
    assert steps.when_idle() == 100


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
