"""What `--stt_compile_mode` and `--lm_compile_mode` gain on this machine, and what they cost at the start.

python -m benchmarks.compile_modes [--modes none default …] [config.json and options of s2s_pipeline.py]

Loads the STT and the LM of configs/bundled.json (unless told otherwise) once for each mode, in this process, asks both
the same questions, and says whether they answer the same. Prints a table and ends with one JSON line.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks.asking import QUESTIONS
from benchmarks.command_line import parse_with_server, with_the_model
from benchmarks.report import print_json, table
from utils.audio.samples import FloatAudio
from utils.models.bundled_voice import BundledVoice
from utils.models.devices import resolve_device
from utils.options.server import ServerOptions, read_server_options
from utils.options.stages import load_handler, stage_options
from utils.system.cpu_threads import let_waiting_threads_sleep
from utils.system.engine_thread import EngineThread, always

MODES = ("none", "default", "reduce-overhead", "max-autotune")
ASKED = QUESTIONS[:6]


@dataclass(frozen=True)
class Run:
    """One model in one mode. load_s: until it is warm; ms: each question, or each token; said: all its answers."""

    load_s: float
    ms: list[float]
    said: list[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0."""
    parser = argparse.ArgumentParser(description="What compiling gains, and what it costs.")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES[:2], help="others are held to the first")
    asked, server_arguments = parse_with_server(parser, argv)
    let_waiting_threads_sleep()
    options = read_server_options(with_the_model(server_arguments, "--lm", "transformers"))  # it is what compiles
    voice = BundledVoice()
    spoken = [voice.say(question) for question in ASKED]
    runs = {mode: (transcribe_all(options, mode, spoken), answer_all(options, mode)) for mode in asked.modes}
    first = runs[asked.modes[0]]
    results = {mode: figures(*run, same=[part.said for part in run] == [part.said for part in first])
               for mode, run in runs.items()}  # fmt: skip
    names = list(results[asked.modes[0]])
    print(table([["mode", *names], *([mode, *(str(f[name]) for name in names)] for mode, f in results.items())]))
    print_json("compile_modes", {"modes": results})
    return 0


def figures(stt: Run, lm: Run, same: bool) -> dict[str, float | bool]:
    """Of one mode. same: whether both said what they say in the first mode."""
    return {
        "stt_load_s": round(stt.load_s, 1),
        "stt_ms_a_question": round(statistics.median(stt.ms), 1),
        "lm_load_s": round(lm.load_s, 1),
        "lm_ms_a_token": round(statistics.median(lm.ms), 1),
        "same_answers": same,
    }


def load(options: ServerOptions, part: str, mode: str) -> tuple[Any, EngineThread, float]:
    """(the engine, its thread, the seconds it took)."""
    arguments = getattr(options, part)
    values = {**stage_options(arguments), "compile_mode": None if mode == "none" else mode}
    values["device"] = resolve_device(values["device"] or options.server.device)
    handler, thread = load_handler(type(arguments)), EngineThread(part)
    started = time.monotonic()
    engine = thread.call(lambda: handler.load(thread, **values))
    return engine, thread, time.monotonic() - started


def transcribe_all(options: ServerOptions, mode: str, spoken: Sequence[FloatAudio]) -> Run:
    """Each utterance once."""
    engine, thread, load_s = load(options, "stt", mode)
    with closing(thread):
        times, said = [], []
        for audio in spoken:
            started = time.monotonic()
            said.append(engine.transcribe(audio, always))
            times.append((time.monotonic() - started) * 1_000)
        return Run(load_s, times, said)


def answer_all(options: ServerOptions, mode: str) -> Run:
    """Each question in a conversation of its own. A streamed piece is taken for a token."""
    engine, thread, load_s = load(options, "lm", mode)
    with closing(thread):
        times, said = [], []
        for question in ASKED:
            pieces, moments = [], []
            for piece in engine.stream(engine.new_session(), engine.new_chat(), question, always):
                pieces.append(piece)
                moments.append(time.monotonic())
            said.append("".join(pieces))
            times += [(b - a) * 1_000 for a, b in itertools.pairwise(moments)]
        return Run(load_s, times, said)


if __name__ == "__main__":
    sys.exit(main())
