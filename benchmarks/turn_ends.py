"""How soon the end of a turn is found, and how often a pause is taken for it: silence alone and smart-turn.

python -m benchmarks.turn_ends [--plot out/turn_ends.png]

The bundled voice says whole sentences of several lengths, and sentences in two pieces with 0.3 to 1.2 s between them:
where people stop to think, after a word that asks for another one, or after an "um". (A voice that is simply cut in two
is no test of smart-turn, which listens for how people sound when they stop.) Each is heard with many settings; what
counts is

    delay       last voiced sample of the whole sentence → the turn is committed
    cut off     the turn was committed in the pause

Prints a table, draws delay against cut-offs and ends with one JSON line.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks.asking import QUESTIONS
from benchmarks.report import plot, print_json, table
from handlers.vad.engine import JUDGE_MS
from handlers.vad.loudness import Loudness, decibels
from handlers.vad.segmentation import Paused, Resumed, Segmenter, Stopped
from handlers.vad.silero import FRAME_MS, STT_RATE, SileroModel
from handlers.vad.smart_turn import SmartTurn
from utils.audio.samples import FloatAudio
from utils.models.bundled_voice import BundledVoice

WHOLE = (
    *QUESTIONS,
    "Please remind me to call the dentist before the end of the week.",
    "I think that the second answer was better than the first one.",
    "Turn off the lights in the kitchen and close the window.",
    "There is a book on the table that I have not read yet.",
)
IN_TWO = (
    ("I was wondering if you could", "tell me the capital of France."),
    ("I would like to know whether it is going to rain in", "London tomorrow afternoon."),
    ("I think that we should go to the", "cinema tonight."),
    ("My brother and I want to bake a cake and", "we have only three eggs."),
    ("Please remind me to call the", "dentist before the end of the week."),
    ("Turn off the lights in", "the kitchen."),
    ("When I was a child, we used to spend every summer at", "a small lake in the mountains."),
    ("There is a book on the table that I", "have not read yet."),
    ("What is the difference between a cat and", "a tiger?"),
    ("Set an alarm for seven because", "I have to catch a train."),
    ("My favorite color is, um,", "blue."),
    ("Can you tell me, um,", "what time it is?"),
    ("Tell me about, uh,", "the history of Rome."),
    ("What is the, um,", "the largest planet?"),
    ("I need a recipe for, um,", "apple pie."),
    ("So, um,", "how do airplanes fly?"),
)
PAUSES_S = (0.3, 0.5, 0.8, 1.2)
AFTER_S = 2.5  # of silence at the end
SILENCES_MS = (100, 200, 250, 300, 400, 500, 600, 800, 1_000, 1_250, 1_500)
THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.93, 0.95, 0.97)
MIN_SILENCE_MS, MAX_PAUSE_MS = 250.0, 1_500.0  # the server's own defaults
PAD = 9  # frames before the first voiced one, as the server's own padding
CUT_OFFS = 0.05  # the share at which the two are compared

Judge = Callable[
    [int, int], float
]  # (frame number, frame at which it went on after a pause, or 0) → score of all before


@dataclass(frozen=True)
class Spoken:
    """frames: the voice probability of each, and whether it is quiet. last_voiced_ms: where the whole sentence ends.

    judge: see Judge.
    """

    frames: list[tuple[float, bool]]
    last_voiced_ms: float
    paused: bool
    judge: Judge


@dataclass(frozen=True)
class Figures:
    """delay_ms: of the turns that were not cut off. cut_off: share of those with a pause."""

    setting: str
    delays_ms: list[float]
    cut_off: float

    @property
    def delay_ms(self) -> float:
        return statistics.mean(self.delays_ms) if self.delays_ms else float("nan")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0."""
    parser = argparse.ArgumentParser(description="Delay against cut-offs at the end of a turn.")
    parser.add_argument("--plot", type=Path, default=Path("out/turn_ends.png"))
    parser.add_argument("--sentences", type=int, default=len(WHOLE), help="at most so many of each kind")
    options = parser.parse_args(argv)
    spoken = list(speak_all(WHOLE[: options.sentences], IN_TWO[: options.sentences]))
    vad = [measure(f"vad {ms} ms", spoken, silence_only(ms)) for ms in SILENCES_MS]
    smart = [measure(f"smart {thresh:g}", spoken, judged(thresh)) for thresh in THRESHOLDS]
    rows = [[f.setting, f"{f.delay_ms:.0f}", f"{100 * f.cut_off:.1f}"] for f in (*vad, *smart)]
    print(table([["setting", "mean delay, ms", "cut off, %"], *rows]))
    draw(options.plot, vad, smart)
    print(f"plot: {options.plot}")
    print_json(
        "turn_ends",
        {
            "utterances": len(spoken),
            "with_a_pause": sum(utterance.paused for utterance in spoken),
            "vad_delay_ms_at_5_percent": best(vad),
            "smart_delay_ms_at_5_percent": best(smart),
            "settings": {f.setting: [round(f.delay_ms, 1), round(f.cut_off, 4)] for f in (*vad, *smart)},
        },
    )
    return 0


def speak_all(whole: Sequence[str], in_two: Sequence[tuple[str, str]]) -> Iterator[Spoken]:
    """Each whole sentence, and the others with each pause."""
    voice, silero, smart_turn = BundledVoice(), SileroModel(STT_RATE), SmartTurn("bundled:smart-turn-v3.2")
    for sentence in whole:
        yield hear(voice.say(sentence), False, silero, smart_turn)
    for first, second in in_two:
        before, after = (trimmed(voice.say(piece)) for piece in (first, second))
        for pause_s in PAUSES_S:
            silence = np.zeros(int(pause_s * STT_RATE), dtype=np.float32)
            yield hear(np.concatenate([before, silence, after]), True, silero, smart_turn)


def trimmed(audio: FloatAudio) -> FloatAudio:
    """Without the silence around it."""
    loud = np.flatnonzero(np.abs(audio) > 0.01)
    return audio[loud[0] : loud[-1] + 1]


def hear(audio: FloatAudio, paused: bool, silero: SileroModel, smart_turn: SmartTurn) -> Spoken:
    """What the networks make of an utterance, with silence around it."""
    noise = np.random.default_rng(0).normal(0, 1e-4, len(audio) + int((0.5 + AFTER_S) * STT_RATE)).astype(np.float32)
    heard = noise
    heard[STT_RATE // 2 : STT_RATE // 2 + len(audio)] += audio
    state, loudness, frames = silero.initial_state(), Loudness(FRAME_MS), []
    for start in range(0, len(heard) - silero.frame + 1, silero.frame):
        frame = heard[start : start + silero.frame]
        probability, state = silero.step(frame, state)
        frames.append((probability, loudness.is_quiet(decibels(frame))))
    last_voiced = STT_RATE // 2 + int(np.flatnonzero(np.abs(audio) > 0.01)[-1])

    @functools.cache
    def judge(frame: int, resumed: int) -> float:
        return smart_turn.score(heard[: frame * silero.frame], (frame - resumed) * silero.frame if resumed else 0)

    return Spoken(frames, last_voiced / STT_RATE * 1_000, paused, judge)


def silence_only(silence_ms: float) -> dict[str, Any]:
    """Settings of a turn that ends after so much silence."""
    return {"min_silence_ms": silence_ms, "marks": [], "thresh": 0.0}


def judged(thresh: float) -> dict[str, Any]:
    """Settings of a turn that ends when it sounds complete."""
    return {"min_silence_ms": MIN_SILENCE_MS, "marks": JUDGE_MS, "thresh": thresh}


def measure(setting: str, spoken: Sequence[Spoken], settings: dict[str, Any]) -> Figures:
    """All utterances with one setting."""
    delays, cut_offs = [], 0
    for utterance in spoken:
        ended = end_of_turn(utterance, **settings) - utterance.last_voiced_ms
        if ended < 0:
            cut_offs += 1
        else:
            delays.append(ended)
    return Figures(setting, delays, cut_offs / max(1, sum(utterance.paused for utterance in spoken)))


def end_of_turn(utterance: Spoken, min_silence_ms: float, marks: Sequence[float], thresh: float) -> float:
    """When the turn is committed, in milliseconds."""
    segmenter = Segmenter(
        frame_ms=FRAME_MS, thresh=0.3, min_silence_ms=min_silence_ms, min_speech_ms=120.0, max_speech_ms=float("inf"),
        marks=marks,
    )  # fmt: skip
    score: float | None = None
    resumed = 0
    for frame, (probability, quiet) in enumerate(utterance.frames, 1):
        for event in segmenter.feed(probability, quiet):
            if isinstance(event, Resumed):
                score, resumed = None, max(1, frame - 1 - PAD)
            elif isinstance(event, Paused) and (score is None or score < thresh):
                score = utterance.judge(frame, resumed)
                segmenter.wait_for(min_silence_ms if score >= thresh else MAX_PAUSE_MS)
            elif isinstance(event, Stopped):
                return frame * FRAME_MS
    return len(utterance.frames) * FRAME_MS


def best(figures: Sequence[Figures]) -> float | None:
    """The shortest delay with no more cut-offs than CUT_OFFS; None where no setting has so few."""
    delays = [figure.delay_ms for figure in figures if figure.cut_off <= CUT_OFFS]
    return round(min(delays), 1) if delays else None


def draw(file: Path, vad: Sequence[Figures], smart: Sequence[Figures]) -> None:
    """Cut-offs against delay, a line each."""
    with plot(file) as axes:
        for name, line, colour in (("silence alone", vad, "C3"), ("smart-turn", smart, "C0")):
            axes.plot([f.delay_ms for f in line], [100 * f.cut_off for f in line], f"{colour}o-", label=name)
            for point in line:
                axes.annotate(point.setting.split(maxsplit=1)[1], (point.delay_ms, 100 * point.cut_off), fontsize=7)
        axes.axhline(100 * CUT_OFFS, color="k", linestyle=":", linewidth=1)
        axes.set(xlabel="mean delay of the commit, ms", ylabel="turns cut off in a pause, %", title="Ends of turns")
        axes.grid(True, alpha=0.3)
        axes.legend()


if __name__ == "__main__":
    sys.exit(main())
