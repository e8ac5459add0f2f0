"""The real tiny.en on what one window can't hold, on murmurs and on another language: every way to decode."""

from __future__ import annotations

import logging

import jiwer
import numpy as np
import pytest
import torch

from handlers.whisper.engine import WhisperEngine
from handlers.whisper.handler import WhisperSTTHandler
from tests.fakes import Surroundings
from tests.spoken import words
from utils.conversation.messages import InterimAudio, InterimTranscript, Transcript, Utterance
from utils.models.bundled_voice import BundledVoice
from utils.system.engine_thread import EngineThread, always

pytestmark = pytest.mark.more

RATE = 16_000
OPTIONS = {
    "model_name": "bundled:whisper-tiny.en", "device": "cpu", "torch_dtype": "float32", "compile_mode": None,
    "no_speech_threshold": 0.6, "logprob_threshold": -1.0,
}  # fmt: skip
GENERATION = {"max_new_tokens": 128, "num_beams": 1, "return_timestamps": False, "task": "transcribe", "language": "en"}
STORY = (
    "A woman asked who would pay for the new bridge over the river. Then the engineer showed some pictures, and "
    "explained that the work would take two years at least."
)
LIMIT = 20  # tokens; the story has 34
SPANISH = "Cuéntame una historia sobre un perro pequeño y valiente."


@pytest.fixture(scope="module")
def load():
    """load(window_s, **options of generate) → its engine, made once."""
    thread, made = EngineThread("stt"), {}

    def find(window_s=30.0, **generation):
        key = (window_s, *sorted(generation.items()))
        if key not in made:
            options = {**OPTIONS, "window_s": window_s, "gen_kwargs": {**GENERATION, **generation}}
            made[key] = thread.call(lambda: WhisperEngine(thread, **options))
        return made[key]

    yield find
    assert thread.close(10)


@pytest.fixture(scope="module")
def engine(load):
    return load()


def murmur(say, seconds=8):
    """Six voices at once in an echoing room, from the next room."""
    rng = np.random.default_rng(1)
    said = [say(text) for text in ("Well, I think so.", "Yeah, that's what I said.", "Okay, sure.", "And the budget?")]
    mixed = np.zeros(seconds * RATE)
    for _ in range(6):
        time = 0
        while time < len(mixed):
            piece = said[rng.integers(len(said))][: len(mixed) - time]
            mixed[time : time + len(piece)] += piece
            time += len(piece) + int(rng.integers(RATE))
    echo = np.exp(-np.arange(9_600) / 2_400) * rng.normal(0, 1, 9_600)
    muffled = np.convolve(np.convolve(mixed, echo)[: len(mixed)], np.ones(8) / 8, "same")
    return (0.2 * muffled / np.abs(muffled).max() + rng.normal(0, 0.002, len(mixed))).astype(np.float32)


@pytest.mark.parametrize(
    ("window_s", "generation"),
    [
        (8.0, {}),
        (30.0, {"num_beams": 2}),
        pytest.param(30.0, {}, marks=pytest.mark.more),
        pytest.param(30.0, {"return_timestamps": True}, marks=pytest.mark.more),
    ],
)
def test_what_is_longer_than_the_limit_is_heard_to_its_end(load, say, window_s, generation):
    engine = load(window_s, max_new_tokens=LIMIT, **generation)
    heard = engine.transcribe(say(STORY), always)
    assert jiwer.wer(words(STORY), words(heard)) <= 0.12
    assert words(heard).split()[-4:] == ["two", "years", "at", "least"]


@pytest.mark.parametrize("window_s", [8.0, pytest.param(30.0, marks=pytest.mark.more)])
def test_what_was_heard_before_changes_no_word(load, say, window_s):
    engine, audio = load(window_s, max_new_tokens=LIMIT), say(STORY)
    plain, memo = engine.transcribe(audio, always), engine.new_memo()
    engine.transcribe(audio[: -2 * RATE], always, False, memo)
    assert engine.transcribe(audio, always, False, memo) == plain


def test_an_interim_transcript_that_stands_for_the_whole_is_whole(load, say):
    engine, audio, world = load(8.0, max_new_tokens=LIMIT), say(STORY), Surroundings()
    stage = world.stage(WhisperSTTHandler, engine)
    attempt, number = world.transcribed(), world.context.interim.begin()
    [ahead] = world.process(stage, [InterimAudio(number, 1, audio)])
    [transcript] = world.process(stage, [Utterance(attempt, 1, audio, 0.0, interim=number)])
    assert isinstance(ahead, InterimTranscript)
    assert transcript == Transcript(attempt, 1, ahead.text)
    assert words(transcript.text).endswith("two years at least")


@pytest.mark.parametrize("generation", [{}, pytest.param({"num_beams": 2}, marks=pytest.mark.more)])
def test_a_murmur_is_no_text(load, say, generation):
    assert load(**generation).transcribe(murmur(say), always) == ""


@pytest.mark.parametrize(
    "generation",
    [{}, pytest.param({"repetition_penalty": 1.0001}, marks=pytest.mark.more)],
    ids=["own loop", "generate"],
)
def test_a_loop_is_no_text_and_what_was_really_said_so_often_is(load, say, generation):
    """Of both Whisper makes one word, up to the limit, and is very sure of it."""
    engine, said = load(**generation), ", ".join(["Yeah"] * 12) + "."
    heard = words(engine.transcribe(say(said), always)).split()
    assert 9 <= heard.count("yeah") == len(heard) <= 14
    assert engine.transcribe(np.tile(say("ba"), 40)[: 14 * RATE], always) == ""


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("No, no, no.", "no no no"),
        ("It is very, very, very good.", "it is very very very good"),
        ("My number is five five five, one two three, four five six seven.", "my number is 5551234567"),
        ("Double you double you double you dot example dot com.", "wwwexamplecom"),
        ("One, two, three, four, five, six, seven, eight, nine, ten.", "1 2 3 4 5 6 7 8 9 10"),
    ],
)
def test_what_people_repeat_is_understood(engine, say, said, heard):
    assert words(engine.transcribe(say(said), always)) == heard


def test_another_language_is_one_line_and_no_words(engine, caplog):
    caplog.set_level(logging.INFO)
    voice = BundledVoice()
    voice._voice.config.espeak_voice = "es"
    assert engine.transcribe(voice.say(SPANISH), always) == ""
    [line] = [record.message for record in caplog.records if record.name.startswith("handlers.whisper")]
    assert "s of sound: not understood (confidence -1." in line
    assert line.endswith("; this checkpoint hears English only")


@pytest.mark.parametrize("generation", [{}, {"return_timestamps": True}], ids=["own loop", "generate"])
def test_scores_that_are_no_numbers_are_one_line_and_no_words(load, say, generation, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    engine = load(**generation)
    weight = engine._checkpoint.model.model.decoder.layer_norm.weight
    monkeypatch.setattr(weight, "data", torch.full_like(weight, torch.nan))
    assert engine.transcribe(say("What is the capital of France?"), always) == ""
    [line] = [record.message for record in caplog.records if record.name.startswith("handlers.whisper")]
    assert line.endswith("nothing is understood: the model's scores are no numbers (NaN)")
