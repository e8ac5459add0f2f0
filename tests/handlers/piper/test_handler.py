"""Tests of handlers/piper/handler.py with the real bundled voice."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from handlers.piper.handler import PiperTTSHandler, find_voice
from handlers.piper.voice import Voice
from utils.audio.resampling import resample
from utils.audio.wire import to_pcm
from utils.conversation.messages import ReplyEnd, Sentence
from utils.models.bundled import resolve_model

VOICE = "bundled:piper-en_US-joe-medium"
RATE = 22_050
TEXT = "The capital of France is Paris."


@pytest.fixture(scope="module")
def load(engine_thread):
    def load_one(model_name=VOICE, **options):
        options = {"device": "cpu", "length_scale": 1.0, "speaker_id": None} | options
        return engine_thread.call(lambda: PiperTTSHandler.load(engine_thread, model_name=str(model_name), **options))

    return load_one


@pytest.fixture(scope="module")
def engine(load):
    return load()


@pytest.fixture
def sing(monkeypatch):
    """sing(n) makes every voice sing one long tone, in n chunks, after what is `before`.

    What it returns counts the chunks that were asked for.
    """

    def sing_in(chunks, on_chunk=lambda number: None, before=()):
        counted = SimpleNamespace(made=0)

        def speak(self, text):
            for chunk in np.array_split(np.concatenate([np.float32(before), tone()]), chunks):
                counted.made += 1
                on_chunk(counted.made)
                yield chunk

        monkeypatch.setattr(Voice, "speak", speak)
        return counted

    return sing_in


def tone():
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)


def voice_folder(folder, **config):
    """The bundled voice with other values in its configuration."""
    [model] = Path(resolve_model(VOICE)).glob("*.onnx")
    (folder / model.name).symlink_to(model)
    original = json.loads(Path(f"{model}.json").read_text())
    (folder / f"{model.name}.json").write_text(json.dumps(original | config))
    return folder


def all_of(engine, text=TEXT, live=lambda: True):
    return np.concatenate([*engine.stream(text, live), np.zeros(0, np.int16)])


def test_a_sentence_becomes_audio(engine, open_stage, audio_of):
    [sentence] = open_stage(PiperTTSHandler, engine).reply(TEXT)
    audio = audio_of(sentence)
    assert audio.dtype == np.int16
    assert 1.0 < len(audio) / 44_100 < 3.5
    assert 1_000 < np.std(audio) < 20_000
    assert max(len(message.samples) for message in sentence) <= 8_820


@pytest.mark.parametrize(
    "text", ["a", "Ça va ? Zażółć gęślą jaźń. 你好 🙂", "One. Two! Three?", "word " * 60], ids=lambda text: text[:5]
)
def test_any_text_is_spoken(engine, open_stage, audio_of, text):
    [sentence] = open_stage(PiperTTSHandler, engine).reply(text)
    assert np.std(audio_of(sentence)) > 500


@pytest.mark.parametrize("spoken", ["", "  ", "\n\n"])
def test_nothing_to_speak_is_one_empty_message(engine, open_stage, spoken):
    [[message]] = open_stage(PiperTTSHandler, engine).reply(spoken)
    assert message.ends_sentence
    assert len(message.samples) == 0


def test_a_voice_that_makes_nothing_is_one_empty_message(engine, open_stage, monkeypatch):
    monkeypatch.setattr(Voice, "speak", lambda self, text: iter(()))
    [[message]] = open_stage(PiperTTSHandler, engine).reply(TEXT)
    assert message.ends_sentence
    assert len(message.samples) == 0


def test_three_sentences_in_sequence(engine, open_stage, audio_of):
    for sentence in open_stage(PiperTTSHandler, engine).reply("One.", "Two.", "Three."):
        assert len(audio_of(sentence)) > 0.2 * 44_100


@pytest.mark.parametrize("chunks", [1, 2, 7, 400])
def test_chunks_are_joined_without_a_seam(engine, sing, chunks):
    sing(chunks)
    assert np.array_equal(all_of(engine), to_pcm(resample(tone(), RATE, 44_100)))


def test_a_cancelled_reply_is_synthesized_no_further(engine, engine_thread, open_stage, sing):
    stage = open_stage(PiperTTSHandler, engine)
    attempt = stage.attempt()
    cancelled = threading.Event()

    def cancel_at(number):
        if number == 5:
            stage.turns.cancel(attempt)
            cancelled.set()

    counted = sing(20, on_chunk=cancel_at)
    stage.put(Sentence(attempt, TEXT, TEXT), ReplyEnd(attempt))
    assert cancelled.wait(60)
    assert engine_thread.call(lambda: counted.made) == 5
    assert len(stage.reply("The next one.")) == 1
    assert counted.made == 5 + 20


def test_closing_the_stream_stops_the_synthesis(engine, engine_thread, sing):
    closed = threading.Event()
    counted = sing(20, on_chunk=lambda number: closed.wait() if number == 5 else None)
    stream = engine.stream(TEXT, lambda: True)
    next(stream)
    stream.close()
    closed.set()
    assert engine_thread.call(lambda: counted.made) <= 5


def test_a_failing_voice_fails_the_turn_and_the_next_one_works(engine, open_stage, sing, caplog):
    def fail_once(number):
        if number == 3:
            raise RuntimeError("out of breath")

    sing(10, on_chunk=fail_once)
    stage = open_stage(PiperTTSHandler, engine)
    attempt = stage.attempt()
    stage.put(Sentence(attempt, "One.", "One."), Sentence(attempt, "Two.", "Two."), ReplyEnd(attempt))
    *audio, end = stage.take(lambda message: isinstance(message, ReplyEnd))
    assert end == ReplyEnd(attempt, failed=True)
    assert not any(message.ends_sentence for message in audio)
    assert "out of breath" in caplog.text
    assert len(stage.reply("Three.")) == 1


def test_a_reply_begins_with_its_first_sound_and_other_sentences_with_their_silence(engine, open_stage, sing, audio_of):
    silence = np.zeros(RATE // 4, dtype=np.float32)
    sing(1, before=silence)
    stage = open_stage(PiperTTSHandler, engine)
    for _ in range(2):  # replies
        first, second = (audio_of(sentence) for sentence in stage.reply("One.", "Two."))
        assert len(second) - len(first) == pytest.approx(44_100 // 4 - 220, abs=100)
        assert np.array_equal(first[-44_100:], second[-44_100:])


def test_a_piece_says_that_its_sentence_goes_on(engine, open_stage, sing):
    sing(2)
    stage = open_stage(PiperTTSHandler, engine)
    attempt = stage.attempt()
    stage.put(Sentence(attempt, "One,", "One,", True), Sentence(attempt, " two.", "two."), ReplyEnd(attempt))
    messages = stage.take(lambda message: isinstance(message, ReplyEnd))[:-1]
    second = next(number for number, message in enumerate(messages) if message.text == " two.")
    assert [message.goes_on for message in messages] == [number < second for number in range(len(messages))]


def test_length_scale_slows_the_voice(load, engine):
    assert len(all_of(load(length_scale=2.0))) > 1.5 * len(all_of(engine))


def test_an_onnx_file_is_a_voice_too(load):
    assert len(all_of(load(find_voice(Path(resolve_model(VOICE)))))) > 44_100


@pytest.mark.parametrize("names", [(), ("a.onnx", "b.onnx")])
def test_a_folder_without_one_voice_is_refused(load, tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match="one Piper voice is needed.*found " + (", ".join(names) or "none")):
        load(tmp_path)


def test_a_voice_without_its_configuration_is_refused(load, tmp_path):
    (tmp_path / "voice.onnx").touch()
    with pytest.raises(FileNotFoundError, match=r"voice\.onnx\.json"):
        load(tmp_path)


def test_a_speaker_that_is_not_there_is_refused(load, tmp_path):
    with pytest.raises(ValueError, match="the speakers 0 to 2, not 3"):
        load(voice_folder(tmp_path, num_speakers=3), speaker_id=3)


def test_a_speaker_of_a_voice_with_one_has_no_effect(load, caplog):
    load(speaker_id=2)
    assert "--tts_speaker_id has no effect" in caplog.text


def test_without_piper_the_line_says_what_to_install(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "piper", None)
    with pytest.raises(RuntimeError, match=r"^piper-tts is not installed: pip install -r requirements-piper\.txt$"):
        load()


@pytest.mark.parametrize(
    ("config", "language"),
    [
        ({}, "en"),
        ({"language": {"family": "de"}}, "de"),
        ({"language": {"code": "pt_BR"}}, "pt"),
        ({"language": None, "espeak": {"voice": "fr"}}, "fr"),
        ({"language": {}, "espeak": {"voice": "en-us"}}, "en"),
    ],
)
def test_the_language_of_a_voice_is_the_one_that_its_description_names(load, tmp_path, config, language):
    assert load(voice_folder(tmp_path, **config)).reading.language == language
