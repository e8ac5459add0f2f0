"""The decode engine of `handlers/parler/` beside the library's own streaming, on the same random weights.

The library runs in a process of its own and is installed for it where it is missing (`make reference`: 60 MB).

python -m benchmarks.parler_streaming [--size tiny|codec|mini|all] [--plot out/parler_streaming.png] [--whole]

    tiny    24 layers of width 32: what a step costs the host, and how soon a cancelled utterance has ended
    codec   the real 44.1 kHz DAC: what the codec costs for utterances of 5 and 20 s
    mini    the architecture of parler-tts-mini-v1: time to first audio, and how soon a cancelled utterance has ended

Prints a table, draws cost against utterance length and ends with one JSON line; on two CPU cores within 8 minutes. The
library decodes all frames so far at each chunk: its cost for 20 s is the sum of decodes of which four are measured and
the others lie on the lines between them, unless --whole has it measured (6 minutes more). For 5 s it is measured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks.parler_configs import PUBLISHED, REAL_CODEC, TINY, TINY_DECODER, Structure
from benchmarks.parler_models import byte_tokenizer, random_model
from benchmarks.parler_reference.client import Reference
from benchmarks.parler_reference.environment import ReferenceMissing, make
from benchmarks.parler_reference.streaming import A_SECOND, UNDAMAGED
from benchmarks.parler_speaker import (
    STEPS,
    TEXT,
    USUAL_S,
    VOICE,
    Speaker,
    new_voice_seconds,
    step_times,
    stream_seconds,
)
from benchmarks.parler_writer import NEW_NORM, Form, write_checkpoint
from benchmarks.report import plot, print_json, table
from handlers.parler.checkpoint import Checkpoint
from handlers.parler.speech import ParlerSpeech
from utils.audio.samples import FloatAudio
from utils.system.cpu_threads import let_waiting_threads_sleep

SIZES = ("tiny", "codec", "mini")
STRUCTURES = {
    "tiny": replace(TINY, decoder=TINY_DECODER | {"num_hidden_layers": 24}),
    "codec": replace(TINY, codec=REAL_CODEC, descript=True),
    "mini": PUBLISHED["mini-v1"],
}
SMALL_S = 0.05  # a first chunk, about as small as is of use
SOME_STEPS = 30
ROUNDS = 3
CANCELS = {"tiny": 40, "mini": 4}
SHORT_S, LONG_S = 5, 20
SAMPLED_LENGTHS = (86, 430, 860, 1720)  # frames, of the library's decodes
LIMITS = {
    "codec_ratio_5s": 0.2,
    "codec_ratio_20s": 0.08,
    "step_overhead_ratio": 0.45,
    "first_audio_ratio": 0.25,
    "max_abs_diff": 1e-4,
    "cancel_ms": 20.0,
}

Figures = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 where the library can't be had."""
    parser = argparse.ArgumentParser(description="This engine beside the library's streaming of Parler-TTS.")
    parser.add_argument("--size", choices=[*SIZES, "all"], default="all")
    parser.add_argument("--plot", type=Path, default=Path("out/parler_streaming.png"), help="cost against length, PNG")
    parser.add_argument("--whole", action="store_true", help="measure the library's 20 s instead of summing them up")
    options = parser.parse_args(argv)
    let_waiting_threads_sleep()
    torch.manual_seed(0)
    started = time.perf_counter()
    sizes = SIZES if options.size == "all" else (options.size,)
    figures: Figures = {}
    try:
        library = Reference(make())
    except ReferenceMissing as error:
        print(f"parler_streaming.py: error: {error}", file=sys.stderr)
        return 2
    with library:
        for size in sizes:
            measured = measure(size, library, options)
            figures |= {**measured, "max_abs_diff": max(measured["max_abs_diff"], figures.get("max_abs_diff", 0.0))}
            print(f"{size} measured after {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    print(table([["figure", "measured", "at most"], *(row(name, value) for name, value in figures.items())]))
    print_json("parler_streaming", {"sizes": sizes, **figures})
    return 0


def row(name: str, value: float | bool) -> list[str]:
    """Of the table."""
    return [name, f"{value:.3g}", f"{LIMITS[name]:g}" if name in LIMITS else ""]


class Both:
    """One model, spoken by this engine and by the library, which reads it from a folder."""

    def __init__(self, structure: Structure, folder: Path, library: Reference) -> None:
        model = random_model(structure)
        write_checkpoint(model, structure, folder, Form(norm=NEW_NORM) if structure.descript else None)
        self.speech = ParlerSpeech(Checkpoint(model, byte_tokenizer()))
        self._folder = folder
        self._library = library

    def library(self, what: str, **arguments: Any) -> Any:
        """What a function of `parler_reference/streaming.py` measures."""
        return self._library.measure(self._folder, what, **arguments)

    def library_says(self, what: str, **arguments: Any) -> Any:
        """The same of a `generate()` that says TEXT."""
        return self.library(what, text=TEXT, description=VOICE, **arguments)

    @torch.inference_mode()
    def difference(self, steps: int = 150) -> float:
        """The largest between a streamed utterance and the library's full decode of the same codes."""
        pieces: list[FloatAudio] = []
        Speaker(self.speech, steps, do_sample=False).speak(emit=pieces.append)
        codes = self.speech.codes(TEXT, VOICE, do_sample=False, min_new_tokens=steps, max_new_tokens=steps)
        whole = self._library.decode(self._folder, codes)
        streamed = torch.from_numpy(np.concatenate(pieces))
        assert streamed.shape == whole.shape, (streamed.shape, whole.shape)
        return float((streamed - whole).abs().max())


def measure(size: str, library: Reference, options: argparse.Namespace) -> Figures:
    """The figures of one size."""
    with tempfile.TemporaryDirectory(prefix="parler-") as folder:
        both = Both(STRUCTURES[size], Path(folder), library)
        if size == "tiny":
            return tiny(both)
        return codec(both, options.plot, options.whole) if size == "codec" else first_audio(both)


def tiny(both: Both) -> Figures:
    """The host's work of a step; nothing but calling operations takes time here."""
    ours, theirs, ours_greedy = [], [], []
    for _ in range(ROUNDS):
        theirs.append(statistics.median(both.library_says("step_times", steps=STEPS)))
        ours.append(statistics.median(step_times(both.speech, do_sample=True)))
        ours_greedy.append(statistics.median(step_times(both.speech, do_sample=False)))
    return {
        "step_library_ms": 1e3 * statistics.median(theirs),
        "step_ms": 1e3 * statistics.median(ours),
        "step_greedy_ms": 1e3 * statistics.median(ours_greedy),
        "step_overhead_ratio": statistics.median(ours) / statistics.median(theirs),
        **cancelling(both.speech, CANCELS["tiny"], "cancel_ms", "cancel_worst_ms"),
        "max_abs_diff": both.difference(),
    }


def cancelling(speech: ParlerSpeech, times: int, most: str, worst: str) -> Figures:
    """The 95th percentile and the worst."""
    taken = Speaker(speech).cancel_seconds(times)
    return {most: 1e3 * float(np.percentile(taken, 95)), worst: 1e3 * max(taken)}


def codec(both: Both, file: Path, whole: bool) -> Figures:
    """The codec alone: codes of an utterance, streamed."""
    speech = both.speech
    short, long = (round(seconds / speech.frame_s) for seconds in (SHORT_S, LONG_S))
    codes = torch.randint(0, speech.codec.codes, (speech.codec.codebooks, long))
    stream_seconds(speech, codes[:, :40])
    decodes = {n: both.library("decode_seconds", codes=codes[:, :n].tolist()) for n in SAMPLED_LENGTHS}
    theirs_short = both.library("codec_seconds", codes=codes[:, :short].tolist())
    ours_short = statistics.median(stream_seconds(speech, codes[:, :short]) for _ in range(ROUNDS))
    ours_long = stream_seconds(speech, codes)
    summed = {n: summed_decodes(decodes, n) for n in (short, long)}
    theirs_long = both.library("codec_seconds", codes=codes.tolist()) if whole else summed[long]
    draw(file, speech.frame_s, decodes, {short: ours_short, long: ours_long}, {short: theirs_short, long: theirs_long})
    return {
        "codec_library_5s_s": theirs_short,
        "codec_library_5s_summed_s": summed[short],
        "codec_5s_s": ours_short,
        "codec_ratio_5s": ours_short / theirs_short,
        "codec_library_20s_s": theirs_long,
        "codec_library_20s_summed": not whole,
        "codec_20s_s": ours_long,
        "codec_ratio_20s": ours_long / theirs_long,
        "max_abs_diff": both.difference(),
    }


def first_audio(both: Both) -> Figures:
    """From the text to the first samples: prompt, steps and codec; for the library T5 as well, which is cached here.

    Of the library the usual chunk of a second, and the least that is not damaged; of this engine, which damages none,
    one of 50 ms and the handler's default.
    """
    speech = both.speech
    theirs, least = (
        both.library_says("stream_seconds", play_steps=play_steps, steps=STEPS, only_first=True)
        for play_steps in (A_SECOND, UNDAMAGED)
    )
    theirs_step = statistics.median(both.library_says("step_times", steps=SOME_STEPS))
    step = statistics.median(step_times(speech, do_sample=True, steps=SOME_STEPS))
    small, usual = (
        statistics.median(Speaker(speech, first_s=first).first_audio_seconds() for _ in range(ROUNDS))
        for first in (SMALL_S, USUAL_S)
    )
    return {
        "first_audio_library_s": theirs,
        "first_audio_library_least_s": least,
        "first_audio_s": small,
        "first_audio_usual_s": usual,
        "new_voice_s": new_voice_seconds(speech),
        "first_audio_ratio": small / theirs,
        "first_audio_ratio_least": small / least,
        "first_audio_ratio_usual": usual / least,
        "step_mini_library_ms": 1e3 * theirs_step,
        "step_mini_ms": 1e3 * step,
        **cancelling(speech, CANCELS["mini"], "cancel_mini_ms", "cancel_mini_worst_ms"),
        "max_abs_diff": both.difference(steps=60),
    }


def summed_decodes(decodes: dict[int, float], frames: int) -> float:
    """What the library's streaming of so many frames costs, from the times of some decodes.

    At every `A_SECOND` steps it decodes all frames that are complete, the same again at the end, and `generate()` once
    more.
    """
    seen = range(A_SECOND - 9, frames, A_SECOND)
    return float(sum(np.interp([*seen, frames, frames], [0, *decodes], [0.0, *decodes.values()])))


def draw(
    file: Path, frame_s: float, decodes: dict[int, float], ours: dict[int, float], theirs: dict[int, float]
) -> None:
    """Cost against utterance length, both axes in seconds."""
    lengths = np.linspace(A_SECOND, max(ours), 40)
    with plot(file) as axes:
        axes.plot(
            lengths * frame_s,
            [summed_decodes(decodes, round(n)) for n in lengths],
            "C3-",
            label="library: sum of its decodes",
        )
        axes.plot([n * frame_s for n in theirs], list(theirs.values()), "C3o", label="library, measured or summed")
        axes.plot([0, *(n * frame_s for n in ours)], [0, *ours.values()], "C0o-", label="this engine")
        axes.plot(lengths * frame_s, lengths * frame_s, "k:", linewidth=1, label="real time")
        axes.set(
            xlabel="utterance, s", ylabel="codec work, s", title="What the codec costs while it streams", yscale="log"
        )
        axes.grid(True, which="both", alpha=0.3)
        axes.legend()


if __name__ == "__main__":
    sys.exit(main())
