"""What the models of real sizes do on a GPU, with random weights and without a network.

python -m benchmarks.gpu [--device cuda] [--limit 540] [--cell_limit 90] [--match WORDS] [--tiny]
                         [--results out/gpu.jsonl] [--plot out/gpu.png] [--folder FOLDER]

It needs PyTorch, Transformers 5 and a few small wheels, and names what is missing. The measurements ("cells") come in
the order of their value; each has a time limit and runs in a process that may crash. What there was no time for is
named. Every figure is written to --results as it comes.

    Parler-TTS mini and large    each dtype, compile mode and batch: ms a step, real-time factor, time to first audio
    Whisper                      large-v3-turbo and distil-large-v3: an utterance of 3 s and one of 25 s
    language model               one of 4 billion parameters: a prompt of 300 tokens, the first clause, tokens a second
    equality                     Parler's codes on the GPU against the CPU's: float32 without TF32, greedy
    projected voice to voice     the silence window, then the quickest of the three; begun at the turn's end and before

Random weights take as long as trained ones, but what they say is noise: a transcript has as many tokens as people say
in that time, and an utterance lasts 5 s. Prints tables, draws a plot and ends with one JSON line. --tiny tries the
script itself on any CPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks.cells import Cell, Cells, Outcome
from benchmarks.gpu_report import draw, projected, tables
from benchmarks.report import print_json
from utils.system.cpu_threads import let_waiting_threads_sleep

PROGRAM = "gpu.py"
NEEDED = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "filelock", "soxr", "sentencex", "num2words")
SPARE_S = 5.0  # a cell that would have less time is not begun


@dataclass(frozen=True)
class Row:
    """Cells of one part that differ in how the model runs."""

    part: str
    model: str
    dtype: str = "float16"
    mode: str = "none"
    batch: int = 1


# In the order of their value: each part as people run it, then with what makes it faster, then everything else.
ROWS = (
    Row("parler", "mini"),
    Row("whisper", "large-v3-turbo"),
    Row("lm", "4b"),
    Row("parler", "mini", mode="reduce-overhead"),
    Row("equality", "mini", "float32"),
    Row("lm", "4b", mode="reduce-overhead"),
    Row("whisper", "large-v3-turbo", mode="reduce-overhead"),
    Row("parler", "mini", mode="reduce-overhead", batch=4),
    Row("parler", "mini", mode="reduce-overhead", batch=16),
    Row("parler", "mini", mode="default"),
    Row("whisper", "distil-large-v3"),
    Row("parler", "large"),
    Row("parler", "large", mode="reduce-overhead"),
    Row("parler", "mini", batch=4),
    Row("parler", "mini", batch=16),
    Row("parler", "mini", "bfloat16", mode="reduce-overhead"),
    Row("parler", "mini", "bfloat16"),
    Row("parler", "mini", "float32"),
    Row("parler", "mini", "float32", mode="reduce-overhead"),
    Row("lm", "4b", "bfloat16"),
    Row("parler", "large", mode="reduce-overhead", batch=4),
    Row("parler", "large", mode="reduce-overhead", batch=16),
    Row("whisper", "distil-large-v3", mode="reduce-overhead"),
    Row("parler", "mini", mode="max-autotune"),
    Row("parler", "large", "bfloat16"),
    Row("lm", "4b", mode="default"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0; 1 where a cell failed; 2 where the device, or a package, is not there."""
    options = arguments(argv)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    let_waiting_threads_sleep()  # as the server does, before torch is loaded
    if problem := what_is_missing(options.device):
        print(f"{PROGRAM}: error: {problem}", file=sys.stderr)
        return 2
    card = describe(options.device)
    print(f"{card['name']}, {card['memory_gib']} GiB, PyTorch {card['torch']}, Transformers {card['transformers']}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        outcomes = list(measure_all(options, folder))
    print(tables(outcomes))
    quickest = projected(outcomes)
    for line, milliseconds in quickest.items():
        print(f"projected voice to voice, {line}: {milliseconds:.0f} ms")
    if importlib.util.find_spec("matplotlib") is not None:
        draw(outcomes, card["name"], options.plot)
        print(f"plot: {options.plot}")
    print_json("gpu", {"card": card, "cells": [as_json(outcome) for outcome in outcomes], "projected_ms": quickest})
    return int(any(outcome.why_not and outcome.took_s for outcome in outcomes))


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="What models of real sizes do on a GPU.")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, cpu, …")
    parser.add_argument("--limit", type=float, default=540, help="seconds for everything")
    parser.add_argument("--cell_limit", type=float, default=90, help="seconds for one cell")
    parser.add_argument("--match", default="", help="only cells whose names have this regular expression in them")
    parser.add_argument("--tiny", action="store_true", help="models that any CPU runs, to try the script itself")
    parser.add_argument("--results", type=Path, default=Path("out/gpu.jsonl"), help="figures, a line for each cell")
    parser.add_argument("--plot", type=Path, default=Path("out/gpu.png"))
    parser.add_argument("--folder", help="where the random checkpoints are written for a while: 12 GB")
    return parser.parse_args(argv)


def what_is_missing(device: str) -> str:
    """One line; empty where nothing is."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return f"missing here: {', '.join(missing)}; pip install {' '.join(missing)}"
    import torch
    import transformers

    if int(transformers.__version__.split(".")[0]) < 5:
        return f"Transformers {transformers.__version__} is too old: pip install 'transformers>=5.24'"
    if device.startswith("cuda") and not torch.cuda.is_available():
        return f"there is no {device} here"
    return ""


def describe(device: str) -> dict[str, Any]:
    """What the figures were taken on."""
    import torch
    import transformers

    on_cuda = device.startswith("cuda")
    properties = torch.cuda.get_device_properties(device) if on_cuda else None
    return {
        "name": properties.name if properties else device,
        "memory_gib": round(properties.total_memory / 2**30) if properties else 0,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "transformers": transformers.__version__,
    }


def cells(options: argparse.Namespace, folder: str) -> Iterator[Cell]:
    """Those that were asked for, most valuable first."""
    for row in ROWS:
        name = f"{row.part} {row.model} {row.dtype} {row.mode}" + (f" × {row.batch}" if row.batch > 1 else "")
        if re.search(options.match, name):
            own = {**vars(row), "dtype": "float32"} if options.tiny else vars(row)  # a CPU is slow in float16
            yield Cell(name, {**own, "device": options.device, "tiny": options.tiny, "folder": folder})


def measure_all(options: argparse.Namespace, folder: str) -> Iterator[Outcome]:
    """Each cell's outcome, as long as there is time."""
    from benchmarks.gpu_measures import measure

    ends = time.monotonic() + options.limit
    options.results.parent.mkdir(parents=True, exist_ok=True)
    with Cells(measure, options.cell_limit) as running, options.results.open("w", encoding="utf-8") as results:
        for cell in cells(options, folder):
            left = ends - time.monotonic()
            outcome = running.run(cell, left) if left > SPARE_S else Outcome(cell, 0.0, why_not="no time was left")
            print(json.dumps(as_json(outcome)), file=results, flush=True)
            print(f"{cell.name}: {outcome.why_not or outcome.figures} ({outcome.took_s:.0f} s)", flush=True)
            yield outcome


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome as it is written."""
    arguments = {name: value for name, value in outcome.cell.arguments.items() if name not in ("folder", "tiny")}
    figures = outcome.figures or {"why_not": outcome.why_not}
    return {"cell": outcome.cell.name, **arguments, "took_s": round(outcome.took_s, 1), **figures}


if __name__ == "__main__":
    sys.exit(main())
