"""Text to speech with Piper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from handlers.base import BaseHandler, Live
from utils.bundled_models import resolve_model
from utils.engine_thread import EngineThread
from utils.messages import Message, ReplyAudio, Sentence
from utils.resampling import StreamResampler
from utils.wire_protocol import REPLY_RATE, to_pcm


class PiperEngine:
    def __init__(
        self, thread: EngineThread, *, model_name: str, device: str, length_scale: float, speaker_id: int | None
    ) -> None:
        from piper import PiperVoice, SynthesisConfig

        self._thread = thread
        self._voice = PiperVoice.load(next(Path(resolve_model(model_name)).glob("*.onnx")))
        self._config = SynthesisConfig(speaker_id=speaker_id, length_scale=length_scale)
        for _ in self._voice.synthesize("Hello.", self._config):
            pass

    def stream(self, text: str, live: Live) -> Iterator[Any]:
        def produce(emit):
            r = StreamResampler(self._voice.config.sample_rate, REPLY_RATE)
            for c in self._voice.synthesize(text, self._config):
                emit(to_pcm(r.feed(c.audio_float_array)))
            emit(to_pcm(r.feed(np.zeros(0, np.float32), last=True)))

        return self._thread.stream(produce, live)


class PiperTTSHandler(BaseHandler):
    handles = (Sentence,)
    engine_type = PiperEngine

    def setup(self, engine: PiperEngine) -> None:
        self._engine = engine

    def process(self, message: Sentence, live: Live) -> Iterator[Message]:
        text = message.text
        if message.spoken:
            for samples in self._engine.stream(message.spoken, live):
                for i in range(0, len(samples), 8820):
                    yield ReplyAudio(message.attempt, samples[i : i + 8820], text, False)
                    text = ""
        yield ReplyAudio(message.attempt, np.zeros(0, np.int16), text, True)
