"""Fixtures that several tests share."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from utils.bundled_models import resolve_model
from utils.cpu_threads import let_waiting_threads_sleep
from utils.resampling import resample

let_waiting_threads_sleep()  # as the server does, before any test loads torch


@pytest.fixture(scope="session")
def say():
    """say(text) → float32 [n], 16 kHz: the bundled Piper voice, speaking."""
    from piper import PiperVoice, SynthesisConfig

    same_every_time = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
    voice = PiperVoice.load(next(Path(resolve_model("bundled:piper-en_US-joe-medium")).glob("*.onnx")))

    @functools.cache
    def speak(text: str) -> np.ndarray:
        audio = np.concatenate([chunk.audio_float_array for chunk in voice.synthesize(text, same_every_time)])
        return resample(audio, voice.config.sample_rate, 16_000)

    return speak
