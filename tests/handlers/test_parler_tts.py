"""Tests of handlers/parler_tts.py with the real library and a tiny checkpoint."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import threading

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from handlers.parler_tts import ParlerTTSHandler
from tests.parler_checkpoint import EOS, HOP, build
from utils.messages import ReplyEnd, Sentence
from utils.wire_protocol import to_pcm

STEPS = 150
FRAMES = STEPS - 8  # the ninth codebook is eight steps behind the first
TEXT = "Hello there."


@pytest.fixture(scope="module")
def load(engine_thread, parler_checkpoint):
    """load(folder, **options) → an engine; what is not given is as in most of these tests."""

    def load_one(folder=parler_checkpoint, **options):
        options = {
            "device": "cpu",
            "torch_dtype": "auto",
            "compile_mode": None,
            "description": "A calm voice.",
            "play_steps_s": 0.2,
            "max_prompt_pad_length": 8,
            "gen_kwargs": {"min_new_tokens": STEPS, "max_new_tokens": STEPS},
        } | options
        return engine_thread.call(lambda: ParlerTTSHandler.load(engine_thread, model_name=str(folder), **options))

    return load_one


@pytest.fixture(scope="module")
def engine(load):
    return load()


@pytest.fixture
def speak(engine_thread):
    """speak(engine, text) → int16 [n]; sampled from the same seed each time."""

    def speak_one(engine, text=TEXT, live=lambda: True):
        engine_thread.call(lambda: torch.manual_seed(3))
        return np.concatenate([*engine.stream(text, live), np.zeros(0, np.int16)])

    return speak_one


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


def changed(folder, copy, name, **values):
    """A copy of the checkpoint with these values in one of its JSON files."""
    shutil.copytree(folder, copy)
    config = json.loads((copy / name).read_text())
    for key, value in values.items():
        *parents, last = key.split("__")
        place = config
        for parent in parents:
            place = place[parent]
        place[last] = value
    (copy / name).write_text(json.dumps(config))
    return copy


def test_a_sentence_becomes_audio(engine, open_stage, audio_of):
    [sentence] = open_stage(ParlerTTSHandler, engine).reply(TEXT)
    audio = audio_of(sentence)
    assert audio.dtype == np.int16
    assert len(audio) == FRAMES * HOP
    assert 1_000 < np.std(audio) < 20_000
    assert max(len(message.samples) for message in sentence) <= 8_820


@pytest.mark.parametrize("play_steps_s", [0.01, 0.75, 30.0])
def test_the_stream_is_what_generate_makes_of_all_the_codes(load, speak, engine_thread, play_steps_s):
    engine = load(play_steps_s=play_steps_s)

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
def test_any_text_is_spoken(engine, open_stage, audio_of, text):
    [sentence] = open_stage(ParlerTTSHandler, engine).reply(text)
    assert len(audio_of(sentence)) == FRAMES * HOP


def test_three_sentences_in_sequence(engine, open_stage, audio_of):
    stage = open_stage(ParlerTTSHandler, engine)
    for sentence in stage.reply("One.", "Two.", "Three."):
        assert len(audio_of(sentence)) == FRAMES * HOP
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


@pytest.fixture(scope="module")
def silent_checkpoint(tmp_path_factory):
    """A voice that ends as soon as it may."""
    return build(tmp_path_factory.mktemp("silent"), favourite=EOS)


def test_a_voice_that_ends_at_once_makes_one_empty_message(load, open_stage, silent_checkpoint):
    engine = load(silent_checkpoint, gen_kwargs={"max_new_tokens": 2580})
    for [message] in open_stage(ParlerTTSHandler, engine).reply("One.", "Two."):
        assert len(message.samples) == 0


@pytest.mark.parametrize("frames", range(9))
def test_a_voice_that_ends_early_makes_whole_frames(load, speak, silent_checkpoint, frames):
    engine = load(silent_checkpoint, gen_kwargs={"min_new_tokens": frames, "max_new_tokens": 2580})
    assert len(speak(engine)) == frames * HOP


def test_ids_that_are_no_codes_are_never_given_out(load, speak, tmp_path):
    engine = load(build(tmp_path, vocab_size=1088, favourite=1050))
    assert len(speak(engine)) == FRAMES * HOP


@pytest.mark.parametrize(
    ("options", "steps_made"),
    [
        ({"max_new_tokens": 40, "min_new_tokens": 90}, 40),
        ({"max_new_tokens": 10}, 10),
        ({"max_new_tokens": 40, "min_new_tokens": 40, "temperature": None, "top_k": 5}, 40),
    ],
)
def test_the_length_is_limited(load, speak, options, steps_made):
    assert len(speak(load(gen_kwargs=options))) == (steps_made - 8) * HOP


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"do_sample": False}])
def test_greedy_speech_is_always_the_same(load, speak, engine_thread, options):
    engine = load(gen_kwargs={"min_new_tokens": 60, "max_new_tokens": 60} | options)
    first = speak(engine)
    assert np.array_equal(first, np.concatenate(list(engine.stream(TEXT, lambda: True))))


def test_the_description_and_the_text_shape_the_voice(load, speak, engine):
    first = speak(engine)
    assert np.array_equal(first, speak(engine))
    assert not np.array_equal(first, speak(engine, text="Good bye now."))
    assert not np.array_equal(first, speak(load(description="A hoarse old man shouts.")))


def test_another_codec_rate_becomes_44100(load, speak, tmp_path):
    audio = speak(load(build(tmp_path, sampling_rate=22_050)))
    assert abs(len(audio) - 2 * FRAMES * HOP) <= 2
    assert np.std(audio) > 1_000


@pytest.mark.parametrize(
    "architecture",
    [
        {"prompt_cross_attention": True},
        {"rope_embeddings": True},
        {"num_key_value_heads": 2, "num_cross_attention_key_value_heads": 1},
        {"use_fused_lm_heads": True},
    ],
    ids=lambda architecture: next(iter(architecture)),
)
def test_every_architecture_of_the_library_speaks(load, speak, tmp_path, architecture):
    assert len(speak(load(build(tmp_path, **architecture)))) == FRAMES * HOP


def test_the_description_is_read_with_the_text_encoders_own_tokenizer(load, parler_checkpoint, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    for file in parler_checkpoint.glob("token*"):
        shutil.copy(file, own)
    vocabulary = json.loads((own / "tokenizer.json").read_text())
    symbols = vocabulary["model"]["vocab"]
    symbols["A"], symbols["B"] = symbols["B"], symbols["A"]
    (own / "tokenizer.json").write_text(json.dumps(vocabulary))
    folder = changed(parler_checkpoint, tmp_path / "copy", "config.json", text_encoder___name_or_path=str(own))
    assert load(folder, description="A")._description["input_ids"].tolist() == [[symbols["A"], 1]]


@pytest.mark.parametrize("name", ["/trained/somewhere/else", "not/there"])
def test_a_text_encoder_whose_tokenizer_is_not_at_hand(load, parler_checkpoint, tmp_path, caplog, monkeypatch, name):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = changed(parler_checkpoint, tmp_path / "copy", "config.json", text_encoder___name_or_path=name)
    engine = load(folder)
    assert [record.levelno for record in caplog.records if name in record.getMessage()] == [logging.WARNING]
    assert engine._description["input_ids"].shape == (1, len("A calm voice.") + 1)


def test_a_tokenizer_that_does_not_fit_is_refused(load, parler_checkpoint, tmp_path):
    folder = shutil.copytree(parler_checkpoint, tmp_path / "copy")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"<{number}>" for number in range(100)])
    tokenizer.save_pretrained(folder)
    with pytest.raises(ValueError, match="does not fit its text encoder"):
        load(folder, description="A <99> voice.")
