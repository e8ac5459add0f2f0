"""How long the answer takes after two seconds of speech, and after nine: the work that is left must not grow.

python -m benchmarks.turn_lengths [--rounds 5] [--machine quiet] [config.json and options of s2s_pipeline.py]

Starts one server, and asks it short and long questions by turns, in real time over TCP (see `benchmarks.latency`).
Prints a table of both, and ends with one JSON line.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks import machine
from benchmarks.asking import Turn, ask, wrong_words
from benchmarks.command_line import parse_with_server
from benchmarks.latency import start, summarize
from benchmarks.report import print_json, summary_table
from utils.models.bundled_voice import BundledVoice

QUESTIONS = {
    "short": (
        "What is the best way to learn how to swim?",
        "Can you tell me why leaves turn red in autumn?",
        "How do I get a red wine stain out of a shirt?",
        "Which vegetables can I plant in the spring?",
        "What should I pack for a weekend at the sea?",
    ),
    "long": (
        "My sister is going to visit me next weekend, and she wants to learn something new while she stays at the "
        "lake, so I would like to know what is the best way to learn how to swim?",
        "Yesterday I went for a long walk in the park with my two little dogs, and both of my children asked me a "
        "question that I could not answer, so can you tell me why leaves turn red in autumn?",
        "We had a few friends over for dinner last night, and one of them told a story with both of his hands in the "
        "air until his glass fell over, so how do I get a red wine stain out of a shirt?",
        "I have a small garden behind the house that gets some sun in the morning and a lot of rain in the evening, "
        "and the ground is rather heavy, so which vegetables can I plant in the spring?",
        "The children have a few days off from school at the end of the month, and we have found a little house with a "
        "view of the water and no shop nearby, so what should I pack for a weekend at the sea?",
    ),
}
Runs = dict[str, list[Turn]]


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 if every question was answered, else 1."""
    parser = argparse.ArgumentParser(description="How long the answer takes after short and after long questions.")
    parser.add_argument("--rounds", type=int, default=5, help="short and long questions to ask")
    machine.add_option(parser)
    options, server_arguments = parse_with_server(parser, argv)
    with machine.beside(options.machine):
        runs, seconds = measure(options.rounds, server_arguments, options.machine)
    for length, turns in runs.items():
        print(f"\n{length}, {seconds[length]:.1f} s of speech:\n{summary_table('milliseconds', summarize(turns))}")
        wrong = [wrong_words(turn.asked, turn.heard) for turn in turns]
        print(f"{len(turns)} of {options.rounds} answered; {sum(wrong)} words wrong")
    figures = {length: summarize(turns)["voice to voice"] for length, turns in runs.items() if turns}
    ratio = figures["long"]["median"] / figures["short"]["median"] if len(figures) == len(QUESTIONS) else None
    if ratio is not None:
        print(f"\nvoice to voice, long to short: {ratio:.2f}")
    print_json("turn_lengths", {"machine": options.machine, "seconds": seconds, **figures, "ratio": ratio})
    return 0 if all(len(turns) == options.rounds for turns in runs.values()) else 1


def measure(rounds: int, server_arguments: Sequence[str], terms: str) -> tuple[Runs, dict[str, float]]:
    """(the turns that were answered, mean seconds of speech), by length."""
    voice = BundledVoice()
    spoken = {text: voice.say(text) for texts in QUESTIONS.values() for text in texts}
    runs: Runs = {length: [] for length in QUESTIONS}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with machine.on_its_cores(terms):
            server, client = start(stack, server_arguments, folder / "metrics")
        for number in range(rounds):
            for length, texts in QUESTIONS.items():
                question = texts[number % len(texts)]
                turn = ask(client, server, question, spoken[question])
                if turn is not None:
                    runs[length].append(turn)
                took = f"{turn.voice_to_voice_ms:.0f} ms, heard: {turn.heard}" if turn else "no answer"
                print(f"{number + 1}/{rounds} {length}: {took}", file=sys.stderr)
    return runs, {
        length: round(sum(len(spoken[text]) for text in texts) / len(texts) / 16_000, 1)
        for length, texts in QUESTIONS.items()
    }


if __name__ == "__main__":
    sys.exit(main())
