"""The real tiny.en on speech that it hears again with more at its end, in a short window."""

from __future__ import annotations

import numpy as np
import pytest

from handlers.whisper import engine as engines
from handlers.whisper.draft import Draft
from handlers.whisper.engine import WhisperEngine
from tests.spoken import words
from utils.system.engine_thread import EngineThread, always

RATE = 16_000
SENTENCE = "Yesterday we walked along the river until it was dark, and then the two of us took the last train home."


@pytest.fixture(scope="module")
def engine():
    thread = EngineThread("stt")
    yield thread.call(
        lambda: WhisperEngine(
            thread, model_name="bundled:whisper-tiny.en", device="cpu", torch_dtype="float32", compile_mode=None,
            no_speech_threshold=0.6, logprob_threshold=-1.0, window_s=4.0, gen_kwargs={"max_new_tokens": 128},
        )
    )  # fmt: skip
    assert thread.close(10)


def test_speech_that_grows_is_heard_as_in_one_go_and_its_beginning_is_not_read_again(engine, say, monkeypatch):
    audio, memo, given = say(SENTENCE), engine.new_memo(), []
    encode = engine._encoder.encode_more

    def encode_more(features, live, beginning, speech_s):
        given.append(beginning)
        return encode(features, live, beginning, speech_s)

    monkeypatch.setattr(engine._encoder, "encode_more", encode_more)
    for seconds in (1.5, 3.0, 4.0):
        engine.transcribe(audio[: int(seconds * RATE)], always, False, memo)
    kept = memo.beginning
    assert kept is not None
    text = engine.transcribe(audio, always, False, memo)
    assert given[-1] is kept
    assert words(text) == words(engine.transcribe(audio, always))


@pytest.mark.parametrize(("over_reply", "again"), [(True, 0), (False, 1)])
def test_a_listeners_sound_over_a_reply_is_not_heard_again(engine, say, monkeypatch, over_reply, again):
    monkeypatch.setattr(engines, "_is_suspect", lambda decoded: True)
    before = engine.heard_again
    assert words(engine.transcribe(say("Yeah."), always, over_reply, Draft())) == "yeah"
    assert engine.heard_again - before == again


def test_words_over_a_reply_are(engine, say, monkeypatch):
    monkeypatch.setattr(engines, "_is_suspect", lambda decoded: True)
    before = engine.heard_again
    engine.transcribe(np.concatenate([say("Stop!"), np.zeros(RATE // 5, dtype=np.float32)]), always, True, Draft())
    assert engine.heard_again == before + 1
