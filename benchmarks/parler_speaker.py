"""Parler-TTS as the engine speaks it, measured: steps, first audio, cancelling, the codec alone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import torch

from handlers.parler.chunks import LEAST
from handlers.parler.speech import ParlerSpeech
from handlers.parler.streaming import SpeechStreamer
from utils.audio.samples import FloatAudio
from utils.system.engine_thread import Abandoned, always

# A token a letter: as many as T5 has for a sentence and a description of usual length.
TEXT = "Paris, as far as I know."
VOICE = "A woman speaks fast and clearly in a small room."
STEPS = 120
USUAL_S = 0.2  # a first chunk, as the handler's default is


class Speaker:
    """A warm streamer that says TEXT in `steps` steps.

    first_s: seconds of the first chunk. options: of `generate()`.
    """

    def __init__(self, speech: ParlerSpeech, steps: int = STEPS, first_s: float = USUAL_S, **options: Any) -> None:
        self._options = speech.options({"min_new_tokens": steps, "max_new_tokens": steps, **options})
        self._voice = speech.voice(VOICE)
        self._streamer = SpeechStreamer(speech, first_s)
        self._streamer.warm_up(self._voice, self._options)

    def speak(self, live: Callable[[], bool] = always, emit: Callable[[FloatAudio], Any] = len) -> float:
        """Seconds until it was said, or ended because it was not `live` any more."""
        started = time.perf_counter()
        with contextlib.suppress(Abandoned):
            self._streamer.speak(TEXT, self._voice, self._options, live, emit)
        return time.perf_counter() - started

    def first_audio_seconds(self) -> float:
        """From the text to the first chunk; the rest is not made."""
        heard: list[float] = []
        started = time.perf_counter()
        self.speak(lambda: not heard, lambda audio: heard.append(time.perf_counter()))
        return heard[0] - started

    def cancel_seconds(self, times: int) -> list[float]:
        """From the moment at which an utterance is no longer wanted to that at which nothing of it runs any more.

        The moments are spread evenly over an utterance.
        """
        length = self.speak()
        return [self._late(length * (number + 0.5) / times) for number in range(times)]

    def _late(self, after_s: float) -> float:
        unwanted = time.perf_counter() + after_s
        self.speak(lambda: time.perf_counter() < unwanted)
        return max(0.0, time.perf_counter() - unwanted)


@torch.inference_mode()
def step_times(speech: ParlerSpeech, *, do_sample: bool, steps: int = STEPS) -> list[float]:
    """Seconds of each step after the prompt."""
    options = speech.options({"do_sample": do_sample, "min_new_tokens": steps, "max_new_tokens": steps})
    batch = speech.begin([speech.utterance(TEXT, speech.voice(VOICE), options)], options)
    times = []
    batch.advance()
    while not batch.over:
        started = time.perf_counter()
        batch.advance()
        times.append(time.perf_counter() - started)
    batch.close()
    return times


def new_voice_seconds(speech: ParlerSpeech) -> float:
    """What a description that was never heard costs."""
    started = time.perf_counter()
    speech.voice(VOICE + " She is in a hurry.")
    return time.perf_counter() - started


@torch.inference_mode()
def stream_seconds(speech: ParlerSpeech, codes: torch.Tensor) -> float:
    """The codec for these codes, int64 [codebooks, frames], in the smallest pieces the engine uses: the dearest way."""
    stream = speech.codec.stream()
    started = time.perf_counter()
    for start in range(0, codes.shape[1], LEAST):
        stream.feed(codes[None, :, start : start + LEAST], start + LEAST >= codes.shape[1])
    return time.perf_counter() - started
