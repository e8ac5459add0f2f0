"""The spectrogram that networks with Whisper's encoder hear, held to Transformers' own."""

from __future__ import annotations

import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from utils.audio.log_mel import RATE, log_mel, normalized

SECONDS = 8
RNG = np.random.default_rng(0)
SOUNDS = {
    "noise": RNG.normal(0, 0.1, SECONDS * RATE),
    "a tone": 0.5 * np.sin(2 * np.pi * 440 * np.arange(SECONDS * RATE) / RATE),
    "a chirp": 0.3 * np.sin(np.cumsum(np.linspace(0, np.pi, SECONDS * RATE))),
    "silence": np.zeros(SECONDS * RATE),
    "a click": np.eye(1, SECONDS * RATE, 1_000)[0],
    "loud and offset": 1 + RNG.normal(0, 0.5, SECONDS * RATE),
}


@pytest.mark.parametrize("bins", [80, 128])
@pytest.mark.parametrize("name", SOUNDS)
def test_it_is_what_whisper_hears(name, bins):
    audio = SOUNDS[name].astype(np.float32)
    theirs = WhisperFeatureExtractor(chunk_length=SECONDS, feature_size=bins)
    expected = theirs(audio, sampling_rate=RATE, return_tensors="np").input_features[0]
    got = log_mel(audio, bins)
    assert (got.dtype, got.shape) == (np.float32, expected.shape)
    assert np.abs(got - expected).max() < 2e-3
    assert np.abs(got - expected).mean() < 1e-4


@pytest.mark.parametrize("name", ["noise", "silence", "loud and offset"])
def test_the_same_of_normalized_audio(name):
    audio = SOUNDS[name].astype(np.float32)
    theirs = WhisperFeatureExtractor(chunk_length=SECONDS)
    expected = theirs(audio, sampling_rate=RATE, return_tensors="np", do_normalize=True).input_features[0]
    assert np.abs(log_mel(normalized(audio)) - expected).max() < 2e-3


def test_speech(say):
    audio = np.pad(say("What is the capital of France?"), (0, 8_000))
    theirs = WhisperFeatureExtractor(chunk_length=SECONDS)
    got = log_mel(audio)
    expected = theirs(audio, sampling_rate=RATE, return_tensors="np", padding=False).input_features[0]
    assert np.abs(got - expected).max() < 2e-3
