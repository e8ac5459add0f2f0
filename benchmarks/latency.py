"""How long the answer takes: spoken questions over TCP in real time, last voiced sample → first audible one.

python -m benchmarks.latency [--turns 20] [--machine quiet] [--plot out/latency.png] [config.json and options]

Starts two servers as processes of their own (configs/bundled.json unless told otherwise), one with speculation and one
without (--speculative_silence_ms 0), and asks both the same questions by turns, each in one conversation, as a person
with a microphone does; listens with a clock. Prints a table for each and what speculation gains, draws a plot and ends
with one JSON line. What it measures:

    voice to voice      last audible sample of the question spoken → first audible sample of the reply received
    silence window …    the server's own account of the turn, see utils/metrics/figures.py; with speculation the
                        stages run within the window
    between stages      of that account, what passed in queues and threads and at the socket
    quiet start         of the reply: from its first sample to its first audible one
    outside             voice to voice, less the server's account and the quiet start: the sockets, the microphone's
                        block of 32 ms, and what the VAD takes for voiced that is quieter than -40 dBFS
    window and stages   the silence window and the three models, one after the other
    beyond the window   voice to voice, less the silence window
    underruns           gaps of a player that starts with the first byte
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks import machine
from benchmarks.asking import MODELS, QUESTIONS, Server, Turn, ask
from benchmarks.command_line import parse_with_server
from benchmarks.live_client import LiveClient
from benchmarks.report import plot, print_json, summary, summary_table, table
from utils.models.bundled_voice import BundledVoice

MODES: dict[str, list[str]] = {"off": ["--speculative_silence_ms", "0"], "on": []}
STAGES = {
    "commit_ms": "silence window",
    "stt_ms": "STT",
    "lm_first_sentence_ms": "LM first sentence",
    "tts_first_audio_ms": "TTS first audio",
    "between_stages_ms": "between stages",
}
Runs = dict[str, list[Turn]]


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 if every question was answered, else 1."""
    parser = argparse.ArgumentParser(description="How long the answer takes, without and with speculation.")
    parser.add_argument("--turns", type=int, default=20, help="questions to ask each server")
    parser.add_argument("--plot", type=Path, default=Path("out/latency.png"), help="the plot to draw, a PNG")
    machine.add_option(parser)
    options, server_arguments = parse_with_server(parser, argv)
    with machine.beside(options.machine):
        runs = measure(options.turns, server_arguments, options.machine)
    unanswered = sum(options.turns - len(turns) for turns in runs.values())
    for mode, turns in runs.items():
        print(f"\nspeculation {mode}:\n{report(turns, options.turns)}")
    if all(runs.values()):
        print(f"\n{comparison(runs)}")
        draw(runs["on"], options.plot)
        print(f"plot: {options.plot}")
    print_json("latency", json_figures(runs, unanswered))
    return 1 if unanswered else 0


def measure(count: int, server_arguments: Sequence[str], terms: str = "quiet") -> Runs:
    """Ask both servers so many questions, by turns → the turns that were answered, by mode. terms: see `machine`."""
    voice = BundledVoice()
    asked = [QUESTIONS[number % len(QUESTIONS)] for number in range(count)]
    spoken = {question: voice.say(question) for question in asked}
    runs: Runs = {mode: [] for mode in MODES}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with machine.on_its_cores(terms):
            talks = {mode: start(stack, [*server_arguments, *extra], folder / mode) for mode, extra in MODES.items()}
        for number, question in enumerate(asked, 1):
            for mode in list(MODES)[:: 1 if number % 2 else -1]:  # neither always has the machine that is warmer
                server, client = talks[mode]
                turn = ask(client, server, question, spoken[question])
                if turn is not None:
                    runs[mode].append(turn)
                took = f"{turn.voice_to_voice_ms:.0f} ms, heard: {turn.heard}" if turn else "no answer"
                print(f"{number}/{count} {mode}: {question} {took}", file=sys.stderr)
    return runs


def start(stack: contextlib.ExitStack, arguments: Sequence[str], metrics_file: Path) -> tuple[Server, LiveClient]:
    """A server that is ready, and a client that is connected to it."""
    server = Server(arguments, metrics_file)
    stack.enter_context(server.process)
    return server, stack.enter_context(LiveClient(*server.process.wait_ready()))


def summarize(turns: Sequence[Turn]) -> dict[str, dict[str, float]]:
    """Every figure's median, p95 and extremes, in milliseconds."""
    figures = {"voice to voice": summary([turn.voice_to_voice_ms for turn in turns])}
    for key, name in STAGES.items():
        figures[name] = summary([turn.server[key] for turn in turns if turn.server[key] is not None])
    figures["quiet start"] = summary([turn.quiet_start_ms for turn in turns])
    figures["outside"] = summary([turn.outside_ms for turn in turns])
    whole = [turn for turn in turns if turn.is_whole]
    figures["window and stages"] = summary([turn.window_ms + turn.stages_ms for turn in whole])
    figures["beyond the window"] = summary([turn.beyond_ms for turn in whole])
    return figures


def report(turns: Sequence[Turn], asked: int) -> str:
    """The table, and what can't be put into it."""
    gaps = [gap for turn in turns for gap in turn.underruns_ms]
    understood = sum(turn.understood for turn in turns)
    kept = sum(turn.first_word_kept for turn in turns)
    hits = sum(turn.server["speculation_hit"] for turn in turns)
    attempts = sum(turn.server["speculative_attempts"] for turn in turns)
    return "\n".join([
        summary_table("milliseconds", summarize(turns)),
        f"{len(turns)} turns answered, {asked - len(turns)} not; {understood} understood word for word, "
        f"{kept} first words kept",
        f"{len(gaps)} underruns, {sum(gaps):.0f} ms in all; {attempts} attempts begun early, {hits} of them answered",
    ])  # fmt: skip


def gains(runs: Mapping[str, Sequence[Turn]]) -> dict[str, float]:
    """What speculation changes, from medians; shares of the models' time without it."""
    voice_to_voice = {mode: _median([turn.voice_to_voice_ms for turn in turns]) for mode, turns in runs.items()}
    whole = {mode: [turn for turn in turns if turn.is_whole] for mode, turns in runs.items()}
    stages = _median([turn.stages_ms for turn in whole["off"]])
    return {
        "voice_to_voice_ratio": round(voice_to_voice["on"] / voice_to_voice["off"], 3),
        "beyond_share_off": round(_median([turn.beyond_ms for turn in whole["off"]]) / stages, 3),
        "beyond_share_on": round(_median([turn.beyond_ms for turn in whole["on"]]) / stages, 3),
    }


def comparison(runs: Mapping[str, Sequence[Turn]]) -> str:
    """One table of both, medians."""
    figures = {mode: summarize(turns) for mode, turns in runs.items()}
    rows = [["median, milliseconds", *figures]]
    for name in figures["on"]:
        rows.append([name, *(f"{figures[mode][name]['median']:,.0f}" for mode in figures)])
    gained = gains(runs)
    rows.append(["beyond, of STT + LM + TTS when off", *(f"{gained[f'beyond_share_{mode}']:.0%}" for mode in figures)])
    return table(rows)


def json_figures(runs: Mapping[str, Sequence[Turn]], unanswered: int) -> dict[str, Any]:
    """The same for programs."""
    figures: dict[str, Any] = {"unanswered": unanswered}
    for mode, turns in runs.items():
        gaps = [gap for turn in turns for gap in turn.underruns_ms]
        figures[mode] = {
            "turns": len(turns),
            "understood": sum(turn.understood for turn in turns),
            "first_words_kept": sum(turn.first_word_kept for turn in turns),
            "underruns": len(gaps),
            "underruns_ms": round(sum(gaps), 1),
            "speculative_attempts": sum(turn.server["speculative_attempts"] for turn in turns),
            "speculation_hits": sum(turn.server["speculation_hit"] for turn in turns),
            **{f"{name.lower().replace(' ', '_')}_ms": figure for name, figure in summarize(turns).items()},
        }
    return {**figures, **(gains(runs) if all(runs.values()) else {})}


def draw(turns: Sequence[Turn], path: Path) -> None:
    """For each turn when the stages ran, the silence window as a line, a mark where the first sound was heard."""
    with plot(path, 10, 1.5 + 0.3 * len(turns)) as axes:
        positions = range(len(turns))
        left = [turn.begun_ms for turn in turns]
        for key in MODELS:
            values = [float(turn.server[key] or 0.0) for turn in turns]
            axes.barh(positions, values, left=left, label=STAGES[key])
            left = [start + value for start, value in zip(left, values, strict=True)]
        axes.hlines(positions, 0, [turn.window_ms for turn in turns], colors="k", label=STAGES["commit_ms"])
        axes.plot([turn.voice_to_voice_ms for turn in turns], positions, "k|", markersize=12, label="first sound heard")
        axes.set_yticks(positions, [turn.asked for turn in turns])
        axes.invert_yaxis()
        axes.set_xlabel("milliseconds after the last voiced sample")
        median = summary([turn.voice_to_voice_ms for turn in turns])["median"]
        axes.set_title(f"From voice to voice: median {median:,.0f} ms over {len(turns)} turns")
        axes.legend(loc="lower right")


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")


if __name__ == "__main__":
    sys.exit(main())
