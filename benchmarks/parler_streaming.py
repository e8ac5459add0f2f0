"""The decode engine of `handlers/parler/` beside the library's own streaming, on the same random weights.

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
import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks import parler_library as library
from benchmarks.parler_models import byte_tokenizer, codec_alone, deep_tiny, mini
from benchmarks.report import plot, print_json, table
from handlers.parler.checkpoint import Checkpoint
from handlers.parler.chunks import LEAST
from handlers.parler.speech import ParlerSpeech
from handlers.parler.streaming import SpeechStreamer
from utils.audio.samples import FloatAudio
from utils.system.cpu_threads import let_waiting_threads_sleep
from utils.system.engine_thread import Abandoned, always

SIZES = ("tiny", "codec", "mini")
# A token a letter: as many as T5 has for a sentence and a description of usual length.
TEXT = "Paris, as far as I know."
VOICE = "A woman speaks fast and clearly in a small room."
SMALL_S, USUAL_S = 0.05, 0.2  # a first chunk: about as small as is of use, and the handler's default
STEPS = 120
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
    """Returns 0."""
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
    for size in sizes:
        measured = {"tiny": tiny, "codec": lambda: codec(options.plot, options.whole), "mini": first_audio}[size]()
        figures |= {**measured, "max_abs_diff": max(measured["max_abs_diff"], figures.get("max_abs_diff", 0.0))}
        print(f"{size} measured after {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    print(table([["figure", "measured", "at most"], *(row(name, value) for name, value in figures.items())]))
    print_json("parler_streaming", {"sizes": sizes, **figures})
    return 0


def row(name: str, value: float | bool) -> list[str]:
    """Of the table."""
    return [name, f"{value:.3g}", f"{LIMITS[name]:g}" if name in LIMITS else ""]


def tiny() -> Figures:
    """The host's work of a step; nothing but calling operations takes time here."""
    model = deep_tiny()
    speech = ParlerSpeech(Checkpoint(model, byte_tokenizer()))
    arguments = library_arguments(speech, do_sample=True)
    ours, theirs, ours_greedy = [], [], []
    for _ in range(ROUNDS):
        theirs.append(statistics.median(library.step_times(model, arguments, STEPS)))
        ours.append(statistics.median(step_times(speech, do_sample=True)))
        ours_greedy.append(statistics.median(step_times(speech, do_sample=False)))
    return {
        "step_library_ms": 1e3 * statistics.median(theirs),
        "step_ms": 1e3 * statistics.median(ours),
        "step_greedy_ms": 1e3 * statistics.median(ours_greedy),
        "step_overhead_ratio": statistics.median(ours) / statistics.median(theirs),
        **cancelling(speech, CANCELS["tiny"], "cancel_ms", "cancel_worst_ms"),
        "max_abs_diff": difference(speech),
    }


def cancelling(speech: ParlerSpeech, times: int, most: str, worst: str) -> Figures:
    """The 95th percentile and the worst."""
    taken = Speaker(speech).cancel_seconds(times)
    return {most: 1e3 * float(np.percentile(taken, 95)), worst: 1e3 * max(taken)}


def codec(file: Path, whole: bool) -> Figures:
    """The codec alone: codes of an utterance, streamed."""
    speech = ParlerSpeech(Checkpoint(codec_alone(), byte_tokenizer()))
    short, long = (round(seconds / speech.frame_s) for seconds in (SHORT_S, LONG_S))
    codes = torch.randint(0, speech.codec.codes, (speech.codec.codebooks, long))
    stream_seconds(speech, codes[:, :40])
    decodes = {n: library.decode_seconds(speech.checkpoint.model, codes[:, :n]) for n in SAMPLED_LENGTHS}
    theirs_short = library.codec_seconds(speech.checkpoint.model, codes[:, :short])
    ours_short = statistics.median(stream_seconds(speech, codes[:, :short]) for _ in range(ROUNDS))
    ours_long = stream_seconds(speech, codes)
    summed = {n: summed_decodes(decodes, n) for n in (short, long)}
    theirs_long = library.codec_seconds(speech.checkpoint.model, codes) if whole else summed[long]
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
        "max_abs_diff": difference(speech),
    }


def first_audio() -> Figures:
    """From the text to the first samples: prompt, steps and codec; for the library T5 as well, which is cached here.

    Of the library the usual chunk of a second, and the least that is not damaged; of this engine, which damages none,
    one of 50 ms and the handler's default.
    """
    model = mini()
    speech = ParlerSpeech(Checkpoint(model, byte_tokenizer()))
    arguments = library_arguments(speech, do_sample=True)
    theirs, least = (
        library.stream_seconds(model, arguments, play_steps, STEPS, only_first=True)
        for play_steps in (library.A_SECOND, library.UNDAMAGED)
    )
    theirs_step = statistics.median(library.step_times(model, arguments, SOME_STEPS))
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
        "max_abs_diff": difference(speech, steps=60),
    }


def library_arguments(speech: ParlerSpeech, **options: Any) -> dict[str, Any]:
    """What `generate()` is given for TEXT and VOICE."""
    checkpoint = speech.checkpoint
    return {
        "input_ids": checkpoint.read_description(VOICE)[None],
        "prompt_input_ids": checkpoint.read_prompt(TEXT)[None],
        "logits_processor": [library.OnlyCodes(checkpoint.ids)],
        **options,
    }


class Speaker:
    """A warm streamer that says TEXT in `steps` steps."""

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
    generation = speech.begin([speech.utterance(TEXT, speech.voice(VOICE), options)], options)
    times = []
    generation.advance()
    while not generation.over:
        started = time.perf_counter()
        generation.advance()
        times.append(time.perf_counter() - started)
    generation.close()
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


@torch.inference_mode()
def difference(speech: ParlerSpeech, steps: int = 150) -> float:
    """The largest between a streamed utterance and the library's full decode of the same codes."""
    given = {"do_sample": False, "min_new_tokens": steps, "max_new_tokens": steps}
    pieces: list[FloatAudio] = []
    Speaker(speech, steps, do_sample=False).speak(emit=pieces.append)
    codes = speech.codes(TEXT, VOICE, **given)
    whole = library.decode_all(speech.checkpoint.model, codes)
    streamed = torch.from_numpy(np.concatenate(pieces))
    assert streamed.shape == whole.shape, (streamed.shape, whole.shape)
    return float((streamed - whole).abs().max())


def summed_decodes(decodes: dict[int, float], frames: int) -> float:
    """What the library's streaming of so many frames costs, from the times of some decodes.

    At every `A_SECOND` steps it decodes all frames that are complete, the same again at the end, and `generate()` once
    more.
    """
    seen = range(library.A_SECOND - 9, frames, library.A_SECOND)
    return float(sum(np.interp([*seen, frames, frames], [0, *decodes], [0.0, *decodes.values()])))


def draw(
    file: Path, frame_s: float, decodes: dict[int, float], ours: dict[int, float], theirs: dict[int, float]
) -> None:
    """Cost against utterance length, both axes in seconds."""
    lengths = np.linspace(library.A_SECOND, max(ours), 40)
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
