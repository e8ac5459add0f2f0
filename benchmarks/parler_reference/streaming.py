"""The library's own streaming, measured: `ParlerTTSStreamer` as its README uses it. Runs beside the library."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import threading
import time
from typing import Any

import torch

UNDAMAGED = 65  # steps a chunk; with fewer, its stride cuts samples that are not final, and the audio is damaged
A_SECOND = 86  # steps a chunk, as in the library's examples


@torch.inference_mode()
def codec_seconds(model: Any, codes: torch.Tensor, play_steps: int = A_SECOND) -> float:
    """What the codec costs when codes, int64 [codebooks, frames], are streamed, with no decoder before it.

    The streamer is given the steps of a `generate()` that ends after these frames; then, as there, everything is
    decoded once more.
    """
    streamer = _streamer(model, play_steps)
    codebooks, frames = codes.shape
    columns = torch.zeros(codebooks, frames + codebooks, dtype=torch.long)
    columns[:, 0] = model.generation_config.decoder_start_token_id
    for codebook in range(codebooks):
        columns[codebook, codebook + 1 : codebook + 1 + frames] = codes[codebook]
    started = time.perf_counter()
    streamer.put(columns[:, :1])
    for column in columns.T[1:]:
        streamer.put(column)
    streamer.end()
    decode_all(model, codes)
    return time.perf_counter() - started


def decoded_lengths(model: Any, frames: int) -> list[int]:
    """How many frames the codec decodes each time, while so many are streamed in chunks of a second."""
    lengths: list[int] = []
    decode = model.audio_encoder.decode

    def counting(audio_codes: torch.Tensor, **arguments: Any) -> Any:
        lengths.append(audio_codes.shape[-1])
        return decode(audio_codes=audio_codes, **arguments)

    model.audio_encoder.decode = counting
    try:
        codec_seconds(model, torch.zeros(model.decoder.num_codebooks, frames, dtype=torch.long))
    finally:
        model.audio_encoder.decode = decode
    return lengths


def decode_all(model: Any, codes: torch.Tensor) -> torch.Tensor:
    """The codec's full decode, as at the end of `generate()`: int64 [codebooks, frames] → [samples]."""
    if model.use_4dim_audio_codes:
        return model.audio_encoder.decode(audio_codes=codes[None, None], audio_scales=[None]).audio_values.reshape(-1)
    return model.audio_encoder.decode(audio_codes=codes[None]).audio_values.reshape(-1)


@torch.inference_mode()
def decode_seconds(model: Any, codes: torch.Tensor) -> float:
    """One full decode of codes, int64 [codebooks, frames]."""
    started = time.perf_counter()
    decode_all(model, codes)
    return time.perf_counter() - started


def _streamer(model: Any, play_steps: int) -> Any:
    return importlib.import_module("parler_tts").ParlerTTSStreamer(model, play_steps=play_steps)


class StepClock:
    """A streamer that only looks at the clock. times: between one step of `generate()` and the next."""

    def __init__(self) -> None:
        self._moments: list[float] = []

    def put(self, value: torch.Tensor) -> None:
        self._moments.append(time.perf_counter())

    def end(self) -> None:
        """Nothing is left to be done."""

    @property
    def times(self) -> list[float]:
        """Seconds; without the first, which reads the prompt."""
        return [after - before for before, after in itertools.pairwise(self._moments[1:])]


def step_times(model: Any, arguments: dict[str, Any], steps: int) -> list[float]:
    """Seconds of each step of `generate()` after the prompt; its codec work at the end is none of them."""
    clock = StepClock()
    with torch.inference_mode():
        model.generate(**arguments, max_new_tokens=steps, min_new_tokens=steps, streamer=clock)
    return clock.times


class FirstAudio(Exception):
    """Leaves `generate()` when there is something to hear."""


def stream_seconds(model: Any, arguments: dict[str, Any], play_steps: int, steps: int, only_first: bool) -> float:
    """From the call to the last chunk, or the first, with `generate()` on a thread of its own, as its README has it."""
    streamer = _streamer(model, play_steps)
    heard = threading.Event()
    put = streamer.put

    def leave_when_heard(value: torch.Tensor) -> None:
        if only_first and heard.is_set():
            raise FirstAudio
        put(value)

    def run() -> None:
        with torch.inference_mode(), contextlib.suppress(FirstAudio):
            model.generate(**arguments, max_new_tokens=steps, min_new_tokens=steps, streamer=streamer)

    streamer.put = leave_when_heard
    started = time.perf_counter()
    thread = threading.Thread(target=run)
    thread.start()
    for _ in streamer:
        heard.set()
        if only_first:
            break
    elapsed = time.perf_counter() - started
    thread.join()
    return elapsed
