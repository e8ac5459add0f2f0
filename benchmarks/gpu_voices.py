"""What the cells of `benchmarks.gpu` measure of Parler-TTS: steps, codec, first audio, and the codes of a CPU."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks.parler_models import byte_tokenizer, deep_tiny, large, mini
from handlers.parler.checkpoint import Checkpoint
from handlers.parler.speech import ParlerSpeech
from handlers.parler.streaming import SpeechStreamer
from utils.audio.samples import FloatAudio
from utils.system.engine_thread import Abandoned

TEXT = "The quick brown fox jumps over the lazy dog, and then it sits down in the sun for a while."
VOICE = "A female speaker with a slightly low-pitched voice delivers her words quite expressively."
STEPS, TINY_STEPS = 430, 60
"""Of an utterance: 5 s of audio."""

SECOND = 86  # frames
ROUNDS = 3
EQUAL_STEPS = 60
TIE = 1e-3
"""Codes may differ where the two likeliest are this close: the order of additions decides between them."""

LISTENED = 256  # tokens of a description that a compiled step has room for
SEED = 7
MODELS = {"mini": mini, "large": large}


def parler(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """ms a step, real-time factor of a whole batch, and of a batch of one the time to first audio."""
    device, batch = str(arguments["device"]), int(arguments["batch"])
    speech = _speech(arguments, device, getattr(torch, arguments["dtype"]))
    began = time.perf_counter()
    if arguments["mode"] != "none":
        speech.compile(arguments["mode"], LISTENED, rows=batch)
    compile_s = time.perf_counter() - began
    steps = TINY_STEPS if arguments["tiny"] else STEPS
    _spoken(speech, batch, SECOND)
    decoding, codec = zip(*(_spoken(speech, batch, steps) for _ in range(ROUNDS)), strict=True)
    length_s = steps * speech.frame_s
    on_cuda = device.startswith("cuda")
    return {
        "step_ms": round(1e3 * statistics.median(decoding) / steps, 2),
        "real_time_factor": round((statistics.median(decoding) + statistics.median(codec)) / length_s, 3),
        "first_audio_ms": round(1e3 * _first_audio(speech, steps), 1) if batch == 1 else None,
        "compile_s": round(compile_s, 1),
        "memory_gib": round(torch.cuda.max_memory_allocated(device) / 2**30, 2) if on_cuda else None,
    }


def equality(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Codes of the same weights on this device and on the CPU, greedy, in float32 without TF32."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    here = _speech(arguments, "cpu", torch.float32)
    expected, logits = _greedy(here)
    here.checkpoint.model.to(arguments["device"])
    got, _ = _greedy(ParlerSpeech(here.checkpoint))
    frames = min(expected.shape[1], got.shape[1])
    different = (expected[:, :frames] != got[:, :frames]).nonzero()
    first = min((int(frame) + int(codebook) for codebook, frame in different), default=None)  # the step it was made in
    gap = None if first is None else _closest(logits[first], expected, got, first)
    return {
        "frames": frames,
        "equal": first is None and expected.shape == got.shape,
        "first_difference_at_step": first,
        "gap_of_the_two_best": gap,
        "as_it_should_be": first is None or (gap is not None and gap < TIE),
    }


def _speech(arguments: Mapping[str, Any], device: str, dtype: torch.dtype) -> ParlerSpeech:
    torch.manual_seed(SEED)
    make = deep_tiny if arguments["tiny"] else MODELS[arguments["model"]]
    return ParlerSpeech(Checkpoint(make(device, dtype), byte_tokenizer()))


@torch.inference_mode()
def _spoken(speech: ParlerSpeech, batch: int, steps: int) -> tuple[float, float]:
    """Seconds of (all steps, all codec work) of utterances that start together."""
    began = time.perf_counter()
    rows = speech.batch_codes([TEXT] * batch, [VOICE] * batch, min_new_tokens=steps, max_new_tokens=steps)
    decoded = time.perf_counter()
    stream, codes = speech.codec.stream(batch), torch.stack(rows)
    for start in range(0, codes.shape[2], SECOND):
        stream.feed(codes[:, :, start : start + SECOND]).cpu()
    return decoded - began, time.perf_counter() - decoded


def _first_audio(speech: ParlerSpeech, steps: int) -> float:
    """Seconds from the text to the first chunk, with the default chunk of 0.2 s; the rest is not made."""
    options = speech.options({"min_new_tokens": steps, "max_new_tokens": steps})
    voice = speech.voice(VOICE)
    streamer = SpeechStreamer(speech, 0.2)
    streamer.warm_up(voice, options)
    return statistics.median(_until_heard(streamer, voice, options) for _ in range(ROUNDS))


def _until_heard(streamer: SpeechStreamer, voice: Any, options: dict[str, Any]) -> float:
    heard: list[float] = []

    def emit(audio: FloatAudio) -> None:
        heard.append(time.perf_counter())

    began = time.perf_counter()
    with contextlib.suppress(Abandoned):
        streamer.speak(TEXT, voice, options, lambda: not heard, emit)
    return heard[0] - began


@torch.inference_mode()
def _greedy(speech: ParlerSpeech) -> tuple[Tensor, list[Tensor]]:
    """(codes, int64 [codebooks, frames]; each step's logits, float32 [codebooks, vocabulary], on the CPU)."""
    seen: list[Tensor] = []
    options = speech.options({"do_sample": False, "min_new_tokens": EQUAL_STEPS, "max_new_tokens": EQUAL_STEPS})
    generation = speech.begin([speech.utterance(TEXT, speech.voice(VOICE), options)], options)
    frames = []
    try:
        while not generation.over:
            [frame] = generation.advance()
            seen.append(generation._logits[0, :, : speech.checkpoint.ids.codes].float().cpu())
            if frame is not None:
                frames.append(frame)
    finally:
        generation.close()
    return speech.tensor(frames).cpu(), seen


def _closest(logits: Tensor, expected: Tensor, got: Tensor, step: int) -> float | None:
    """Between the two likeliest codes, the widest of the codebooks that differ first, in this step."""
    gaps = []
    for codebook in range(len(expected)):
        frame = step - codebook
        if 0 <= frame < expected.shape[1] and expected[codebook, frame] != got[codebook, frame]:
            best, second = logits[codebook].topk(2).values.tolist()
            gaps.append(best - second)
    return round(max(gaps), 6) if gaps else None
