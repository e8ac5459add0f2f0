"""The bundled Piper voice, speaking by itself: for whoever asks the assistant something without a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.audio.resampling import resample
from utils.audio.samples import FloatAudio
from utils.models.bundled import resolve_model
from utils.system.privacy import report_nothing

VOICE = "bundled:piper-en_US-joe-medium"


class BundledVoice:
    """Needs piper-tts (requirements-piper.txt) and the bundled models. rate: of what it says, Hz."""

    def __init__(self, rate: int = 16_000) -> None:
        report_nothing()
        from piper import PiperVoice, SynthesisConfig

        self.rate = rate
        self._voice = PiperVoice.load(next(Path(resolve_model(VOICE)).glob("*.onnx")))
        self._config = SynthesisConfig

    def say(self, text: str, length: float = 1.0) -> FloatAudio:
        """float32 [n], -1..1, mono: the same for the same text, always. length: over 1 it speaks more slowly."""
        same_every_time = self._config(length_scale=length, noise_scale=0.0, noise_w_scale=0.0)
        chunks = [chunk.audio_float_array for chunk in self._voice.synthesize(text, same_every_time)]
        return resample(np.concatenate(chunks), self._voice.config.sample_rate, self.rate)
