"""Whisper: the real tiny.en on real speech and on what is none, and the paths of multilingual checkpoints."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from types import SimpleNamespace

import jiwer
import numpy as np
import pytest

from handlers.vad.engine import LONGEST_PART_S
from handlers.vad.turn_audio import LONGEST_GAP_S
from handlers.whisper import listening as module
from handlers.whisper.engine import WINDOW_S, TooLong, WhisperEngine
from handlers.whisper.options import UnknownLanguage, generation_options
from utils.system.engine_thread import EngineThread

OPTIONS = {
    "model_name": "bundled:whisper-tiny.en", "device": "cpu", "torch_dtype": "auto", "compile_mode": None,
    "no_speech_threshold": 0.6, "logprob_threshold": -1.0, "window_s": 8.0,
}  # fmt: skip
GENERATION = {"max_new_tokens": 128, "num_beams": 1, "return_timestamps": False, "task": "transcribe", "language": "en"}
RATE = 16_000


def load(thread, **changes) -> WhisperEngine:
    generation = {**GENERATION, **changes.pop("gen_kwargs", {})}
    return thread.call(lambda: WhisperEngine(thread, **{**OPTIONS, **changes}, gen_kwargs=generation))


@pytest.fixture(scope="module")
def thread():
    made = EngineThread("stt")
    yield made
    assert made.close(10)


@pytest.fixture(scope="module")
def engine(thread):
    return load(thread)


def always() -> bool:
    return True


def words(text: str) -> str:
    return jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip()])(text)


SENTENCES = [
    "What is the capital of France?",
    "How many legs does a spider have?",
    "Please tell me a story about a brave little dog.",
    "Which river is the longest in the world?",
    "When did the first people land on the moon?",
    "Could you explain how a bicycle works?",
    "I would like to know more about the ocean.",
    "Why do leaves change their color in autumn?",
]


def test_sentences_are_understood(engine, say):
    heard = [words(engine.transcribe(say(sentence), always)) for sentence in SENTENCES]
    said = [words(sentence) for sentence in SENTENCES]
    assert jiwer.wer(said, heard) <= 0.1
    assert [text.split()[0] for text in heard] == [text.split()[0] for text in said]


@pytest.mark.parametrize(
    ("seconds", "doubtful", "least"), [(1.0, False, -1.0), (2.0, False, -1.0), (1.0, True, -0.9), (2.0, True, -1.15)]
)
def test_over_a_reply_it_is_surer_of_what_is_short_and_less_sure_of_what_is_long(
    engine, monkeypatch, seconds, doubtful, least
):
    asked = []
    monkeypatch.setattr(module, "is_speech", lambda text, decoded, least, threshold: asked.append(least))
    engine.transcribe(np.zeros(int(seconds * RATE), dtype=np.float32), always, doubtful)
    assert asked == [least]


@pytest.mark.parametrize("word", ["yes", "no", "stop", "okay", "hello", "why", "thank you", "go on"])
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_short_words_are_kept(engine, say, word, gain):
    silence = np.zeros(RATE // 4, dtype=np.float32)
    audio = np.concatenate([silence, gain * say(f"{word.capitalize()}."), silence])
    assert words(engine.transcribe(audio, always)) == word


def noises() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    time = np.arange(RATE * 2) / RATE
    white = rng.normal(0, 1, len(time))
    breath = np.convolve(white, np.ones(6) / 6, "same") * np.hanning(len(time))
    keys = rng.normal(0, 1e-3, len(time))
    for start in rng.integers(0, len(time) - 300, 14):
        keys[start : start + 300] += rng.normal(0, 0.3, 300) * np.exp(-np.arange(300) / 60)
    notes = sum(
        np.sin(2 * np.pi * 220 * 2 ** (step / 12) * time) * ((time * 4).astype(int) % 4 == place)
        for place, step in enumerate((0, 4, 7, 12))
    )
    cough = np.convolve(white, np.ones(4) / 4, "same") * np.exp(-time / 0.08)
    hum = np.sin(2 * np.pi * 120 * time)
    return {
        "silence": 0 * white, "hiss": 0.01 * white, "noise": 0.1 * white, "breath": 0.15 * breath, "keys": keys,
        "music": 0.2 * notes, "cough": 0.4 * cough, "hum": 0.1 * hum,
    }  # fmt: skip


@pytest.mark.parametrize("kind", sorted(noises()))
def test_what_is_no_speech_is_no_text(engine, kind):
    audio = noises()[kind].astype(np.float32)
    assert [engine.transcribe(audio[: int(seconds * RATE)], always) for seconds in (0.6, 1.2, 2.0)] == ["", "", ""]


def test_a_long_turn_is_heard_to_its_end(engine, say):
    pause = np.zeros(RATE // 2, dtype=np.float32)
    audio = np.concatenate([piece for sentence in SENTENCES for piece in (say(sentence), pause)])
    assert 15 * RATE < len(audio) < WINDOW_S * RATE
    heard = words(engine.transcribe(audio, always))
    assert jiwer.wer(words(" ".join(SENTENCES)), heard) <= 0.1


def test_the_longest_utterance_of_the_vad_fits_the_window():
    """A part of a turn, and the silence that is kept before it."""
    assert LONGEST_PART_S + LONGEST_GAP_S < WINDOW_S


def test_what_does_not_fit_the_window_is_refused_rather_than_cut_off(engine):
    with pytest.raises(TooLong, match=r"30 s at once, and this is 31\.0 s"):
        engine.transcribe(np.zeros(31 * RATE, dtype=np.float32), always)


def test_a_stale_attempt_ends_at_once_and_the_engine_works_on(engine, say):
    live = threading.Event()
    with pytest.raises(CancelledError):
        engine.transcribe(say(SENTENCES[0]), live.is_set)
    assert words(engine.transcribe(say(SENTENCES[0]), always)) == words(SENTENCES[0])


@pytest.mark.parametrize("generation", [{"num_beams": 2}, {"return_timestamps": True}, {"repetition_penalty": 1.05}])
def test_generation_options_reach_the_model(thread, say, generation):
    engine = load(thread, gen_kwargs=generation)
    assert words(engine.transcribe(say(SENTENCES[0]), always)) == words(SENTENCES[0])


def test_max_new_tokens_is_kept(thread, say):
    engine = load(thread, gen_kwargs={"max_new_tokens": 3})
    assert 1 <= len(engine.transcribe(say(SENTENCES[2]), always).split()) <= 3


def generation_config(multilingual: bool):
    return SimpleNamespace(is_multilingual=multilingual, lang_to_id={"<|en|>": 1, "<|de|>": 2})


@pytest.mark.parametrize(
    ("multilingual", "language", "task", "kept"),
    [
        (False, "en", "transcribe", {}),
        (False, "auto", "transcribe", {}),
        (False, "English", None, {}),
        (True, "en", "transcribe", {"language": "en", "task": "transcribe"}),
        (True, "german", None, {"language": "german", "task": "transcribe"}),
        (True, "<|de|>", None, {"language": "<|de|>", "task": "transcribe"}),
        (True, "auto", "translate", {"task": "translate"}),
    ],
)
def test_language_and_task(multilingual, language, task, kept, caplog):
    asked = {"language": language, "task": task, "num_beams": 2, "x": None}
    assert generation_options(asked, generation_config(multilingual)) == {"num_beams": 2, **kept}
    assert not caplog.records


def test_an_unknown_language_is_refused():
    with pytest.raises(UnknownLanguage, match="--stt_gen_language fr: this checkpoint has 2 languages"):
        generation_options({"language": "fr"}, generation_config(True))


def test_what_an_english_checkpoint_cannot_do_is_said(caplog):
    generation_options({"language": "fr", "task": "translate"}, generation_config(False))
    assert [record.message.split(":")[1].strip() for record in caplog.records] == [
        "--stt_gen_language has no effect",
        "--stt_gen_task has no effect",
    ]
