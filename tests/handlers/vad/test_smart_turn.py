"""smart-turn, the real one, and what is done where it is not there."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from handlers.vad.handler import VADEngine
from handlers.vad.smart_turn import LEAST_STRETCH_S, RATE, SmartTurn
from tests.handlers.vad.test_handler import OPTIONS
from utils.models import bundled as bundled_models
from utils.models.bundled_errors import BundledWheelMissing

MODEL = "bundled:smart-turn-v3.2"


@pytest.fixture(scope="module")
def smart_turn():
    return SmartTurn(MODEL)


def spoken(say, text: str) -> np.ndarray:
    audio = say(text)
    return np.concatenate([audio[: np.flatnonzero(np.abs(audio) > 0.01)[-1]], np.zeros(RATE // 5, dtype=np.float32)])


@pytest.mark.parametrize("text", ["What is the capital of France?", "Who wrote the play Hamlet?", "Yes."])
def test_whole_sentences_sound_complete(smart_turn, say, text):
    assert smart_turn.score(spoken(say, text)) > 0.5


@pytest.mark.parametrize("text", ["I was wondering if you could", "I think that we should go to the"])
def test_the_beginnings_of_sentences_do_not(smart_turn, say, text):
    assert smart_turn.score(spoken(say, text)) < 0.2


def test_the_last_eight_seconds_are_heard(smart_turn, say):
    audio = spoken(say, "What is the capital of France?")
    noise = np.random.default_rng(0).normal(0, 0.1, 20 * RATE).astype(np.float32)
    long = np.concatenate([noise, np.zeros(8 * RATE, dtype=np.float32), audio])
    assert smart_turn.score(long) == pytest.approx(smart_turn.score(long[-8 * RATE :]), abs=1e-6)


def test_the_stretch_after_a_pause_may_sound_complete_by_itself(smart_turn, say):
    first, second = spoken(say, "I was wondering if you could"), spoken(say, "tell me the capital of France.")
    turn = np.concatenate([first, second])
    assert smart_turn.score(turn) < 0.5
    assert smart_turn.score(turn, len(second)) == pytest.approx(smart_turn.score(second), abs=1e-6)
    assert smart_turn.score(turn, int(LEAST_STRETCH_S * RATE) - 1) == smart_turn.score(turn)


def without_its_wheel(monkeypatch):
    model = bundled_models._Model("pipecat-ai", "no_such_package", "data")
    monkeypatch.setitem(bundled_models._MODELS, "smart-turn-v3.2", model)


def engine(turn_detection: str, model: str = MODEL) -> VADEngine:
    return VADEngine(None, **{**OPTIONS, "turn_detection": turn_detection, "turn_model_name": model})


def test_without_its_model_turns_end_after_silence(monkeypatch, caplog):
    without_its_wheel(monkeypatch)
    caplog.set_level(logging.INFO)
    assert engine("auto").judge(np.zeros(10, dtype=np.float32), 0, lambda: True) is None
    assert "turns end after silence alone: bundled:smart-turn-v3.2 needs the wheel pipecat-ai" in caplog.text


def test_where_it_was_asked_for_its_model_has_to_be_there(monkeypatch, tmp_path):
    without_its_wheel(monkeypatch)
    with pytest.raises(BundledWheelMissing):
        engine("smart")
    with pytest.raises(FileNotFoundError, match=r"one \.onnx file is needed in"):
        engine("smart", str(tmp_path))


def test_silence_alone_needs_no_model(monkeypatch):
    without_its_wheel(monkeypatch)
    assert engine("vad").judge(np.zeros(10, dtype=np.float32), 0, lambda: True) is None
