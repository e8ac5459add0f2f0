"""What the decode engine does on a GPU: each dtype, compile mode and batch.

python -m benchmarks.parler_gpu [--device cuda] [--dtypes bfloat16 …] [--modes none default …] [--batches 1 4 16]

The architecture of parler-tts-mini-v1 with random weights (--tiny: one that any CPU runs, to try the script itself).
For each: seconds until it is compiled, ms per step, the real-time factor of an utterance (steps and codec), and for a
batch of one the time to first audio, from the text. Prints a table and ends with one JSON line.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks.parler_models import byte_tokenizer, deep_tiny, mini
from benchmarks.parler_reference.streaming import A_SECOND
from benchmarks.parler_speaker import TEXT, VOICE, Speaker
from benchmarks.report import machine, print_json, table
from handlers.compilation import usable_mode
from handlers.parler.checkpoint import Checkpoint
from handlers.parler.speech import ParlerSpeech

MODES = ("none", "default", "reduce-overhead", "max-autotune")
DTYPES = ("bfloat16", "float16", "float32")
STEPS = 440  # 5 s of audio
ROOM = 128  # tokens of the description that a compiled step has room for
ROUNDS = 3

Figures = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 where the device is not there."""
    parser = argparse.ArgumentParser(description="The decode engine of Parler-TTS on a GPU.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES[:2])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--batches", nargs="+", type=int, default=(1, 4, 16))
    parser.add_argument("--steps", type=int, default=STEPS, help="of an utterance; 86 are a second of audio")
    parser.add_argument("--tiny", action="store_true", help="a model that any CPU runs")
    options = parser.parse_args(argv)
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print(f"parler_gpu.py: error: there is no {options.device} here", file=sys.stderr)
        return 2
    torch.manual_seed(0)
    runs = [run for dtype in options.dtypes for run in measure_dtype(dtype, options)]
    columns = list(runs[0])
    print(table([columns, *([_cell(run[column]) for column in columns] for run in runs)]))
    print_json({"benchmark": "parler_gpu", **machine(), "device": device_name(options.device), "runs": runs})
    return 0


def measure_dtype(dtype: str, options: argparse.Namespace) -> list[Figures]:
    """Every mode and batch."""
    model = (deep_tiny if options.tiny else mini)(options.device, getattr(torch, dtype))
    speech = ParlerSpeech(Checkpoint(model, byte_tokenizer()))
    runs: list[Figures] = []
    for mode in options.modes:
        for batch in options.batches:
            usable = usable_mode("tts", None if mode == "none" else mode, options.device)
            figures = of_engine(speech, usable, batch, options.steps)
            runs.append({"dtype": dtype, "mode": mode, "batch": batch, **figures})
            print(runs[-1], file=sys.stderr, flush=True)
    return runs


def of_engine(speech: ParlerSpeech, mode: str | None, batch: int, steps: int) -> Figures:
    """Of one mode and batch. mode: None for uncompiled."""
    compile_s = 0.0
    speech.run_uncompiled()
    if mode is not None:
        started = time.perf_counter()
        speech.compile(mode, ROOM, rows=batch)
        compile_s = time.perf_counter() - started
    batch_seconds(speech, batch, 30)
    rounds = [batch_seconds(speech, batch, steps) for _ in range(ROUNDS)]
    decoding, codec = (statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    first = None
    if batch == 1:
        speaker = Speaker(speech)
        first = 1e3 * statistics.median(speaker.first_audio_seconds() for _ in range(ROUNDS))
    return {
        "compile_s": compile_s,
        "step_ms": 1e3 * decoding / steps,
        "real_time_factor": (decoding + codec) / (steps * speech.frame_s),
        "first_audio_ms": first,
    }


@torch.inference_mode()
def batch_seconds(speech: ParlerSpeech, batch: int, steps: int) -> tuple[float, float]:
    """Seconds of (all steps, all codec work), of utterances that start together."""
    started = time.perf_counter()
    rows = speech.batch_codes([TEXT] * batch, [VOICE] * batch, min_new_tokens=steps, max_new_tokens=steps)
    decoded = time.perf_counter()
    stream = speech.codec.stream(batch)
    codes = torch.stack(rows)
    for start in range(0, codes.shape[2], A_SECOND):
        stream.feed(codes[:, :, start : start + A_SECOND]).cpu()
    return decoded - started, time.perf_counter() - decoded


def device_name(device: str) -> str:
    """What it is called."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
