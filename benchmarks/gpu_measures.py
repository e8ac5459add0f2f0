"""What a cell of `benchmarks.gpu` measures: the real engines on their threads, over checkpoints of random weights.

Runs in a process of its own (`benchmarks.cells`) that keeps checkpoints and engines from cell to cell.
"""

from __future__ import annotations

import functools
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_models import write_lm, write_whisper
from benchmarks.gpu_voices import equality, parler
from utils.audio.samples import FloatAudio
from utils.models.devices import prepare_device
from utils.system.engine_thread import EngineThread, always

ROUNDS = 5
PROMPT_WORDS = 290
"""With the chat template's, 300 tokens."""

CLAUSE_WORDS = 8
REPLY_TOKENS = 64
UTTERANCES = {"short": (3.0, 12), "long": (25.0, 90)}
"""Of Whisper: seconds, and tokens that people say in them."""

RATE = 16_000

Figures = dict[str, Any]
_folders: dict[tuple[str, str], str] = {}
_threads: list[EngineThread] = []


def measure(arguments: Mapping[str, Any]) -> Figures:
    """One cell's figures. arguments: of `benchmarks.gpu.Row`, with device, tiny and folder."""
    measured = {"whisper": whisper, "lm": language_model, "parler": parler, "equality": equality}
    prepare_device(arguments["device"])  # as the server does
    _forget_engines()
    return measured[arguments["part"]](arguments)


def language_model(arguments: Mapping[str, Any]) -> Figures:
    """A prompt of 300 tokens unread, the first clause after reading ahead, tokens a second."""
    from handlers.language_model.engine import LanguageModelEngine

    folder = _folder(arguments, lambda path: write_lm(path, arguments["device"], tiny=arguments["tiny"]))
    engine, load_s = _loaded(
        LanguageModelEngine, "lm", arguments, folder, quantize=None, trust_remote_code=False, user_role="user",
        init_chat_role=None, init_chat_prompt="", chat_size=2,
        gen_kwargs={"max_new_tokens": REPLY_TOKENS, "min_new_tokens": REPLY_TOKENS},
    )  # fmt: skip
    cold, clause, rates = [], [], []
    for number in range(ROUNDS):
        words = " ".join(f"w{1 + number + word}" for word in range(PROMPT_WORDS))
        first, _, _ = _reply(engine, words, ahead=False)
        _, eight, rate = _reply(engine, words, ahead=True)
        cold.append(first)
        clause.append(eight)
        rates.append(rate)
    return {
        "first_token_cold_ms": _ms(cold),
        "first_clause_ms": _ms(clause),
        "tokens_a_second": round(statistics.median(rates), 1),
        "load_s": load_s,
        "memory_gib": _memory(arguments["device"]),
    }


def _reply(engine: Any, words: str, *, ahead: bool) -> tuple[float, float, float]:
    """(seconds to the first word, to the eighth, words a second after the first)."""
    chat, session = engine.new_chat(), engine.new_session()
    if ahead:
        engine.prefill(session, chat, always, words)
    began = time.perf_counter()
    times: list[float] = []
    for text in engine.stream(session, chat, words, always):
        times += [time.perf_counter() - began] * len(text.split())
    rate = (len(times) - 1) / (times[-1] - times[0])
    return times[0], times[CLAUSE_WORDS - 1], rate


def whisper(arguments: Mapping[str, Any]) -> Figures:
    """An utterance of 3 s and one of 25 s, each in one window, from the samples to the tokens."""
    from handlers.whisper.draft import Draft
    from handlers.whisper.engine import WhisperEngine

    model = str(arguments["model"])
    folder = _folder(arguments, lambda path: write_whisper(path, arguments["device"], model, tiny=arguments["tiny"]))
    figures: Figures = {}
    for name, (seconds, tokens) in UTTERANCES.items():
        engine, load_s = _loaded(
            WhisperEngine, "stt", arguments, folder, no_speech_threshold=0.6, logprob_threshold=-1e9, window_s=30.0,
            gen_kwargs={"max_new_tokens": tokens, "language": "en", "task": "transcribe"},
        )  # fmt: skip
        times = []
        for number in range(ROUNDS + 1):
            sound = _noise(seconds, number)
            began = time.perf_counter()
            # Random weights find no end, and `transcribe` would hear halves then.
            _threads[-1].call(functools.partial(engine.decode, sound, always, Draft()))
            times.append(time.perf_counter() - began)
        figures |= {f"{name}_ms": _ms(times[1:]), "load_s": load_s}
    return {**figures, "memory_gib": _memory(arguments["device"])}


def _folder(arguments: Mapping[str, Any], write: Callable[[Path], str]) -> str:
    """The checkpoint of this model, written when it is asked for first."""
    key = (str(arguments["part"]), str(arguments["model"]))
    if key not in _folders:
        path = Path(arguments["folder"]) / "-".join(key)
        _folders[key] = str(path) if (path / "config.json").exists() else write(path)
    return _folders[key]


def _loaded(engine: Any, part: str, arguments: Mapping[str, Any], folder: str, **options: Any) -> tuple[Any, float]:
    """(the engine on a thread of its own, seconds until it was ready, compiled too)."""
    thread = EngineThread(part)
    _threads.append(thread)
    options |= {
        "model_name": folder, "device": arguments["device"], "torch_dtype": arguments["dtype"],
        "compile_mode": None if arguments["mode"] == "none" else arguments["mode"],
    }  # fmt: skip
    began = time.perf_counter()
    made = thread.call(lambda: engine(thread, **options))
    return made, round(time.perf_counter() - began, 1)


def _forget_engines() -> None:
    """Those of the cell before: their memory is for the next."""
    for thread in _threads:
        thread.close(10)
    _threads.clear()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _noise(seconds: float, seed: int) -> FloatAudio:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)


def _ms(seconds: list[float]) -> float:
    return round(1_000 * statistics.median(seconds), 2)


def _memory(device: str) -> float | None:
    """GiB that were allocated at most since the cell began."""
    return round(torch.cuda.max_memory_allocated(device) / 2**30, 2) if device.startswith("cuda") else None
