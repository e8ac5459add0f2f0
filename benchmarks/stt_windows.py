"""How short a window Whisper may hear: words right, false words and time, against the whole 30 s.

python -m benchmarks.stt_windows [--windows 8 10 12] [--model bundled:whisper-tiny.en] [--every 1]

Speaks questions, short words and long turns with the bundled voice, fast and slow, quietly and in noise, and adds what
is no speech; has Whisper hear each in the whole window and in each short one, one after the other in one process.
Prints a table and ends with one JSON line. What it counts, for each window:

    same           transcripts equal to those of 30 s, of all
    wrong words    of the words spoken, in percent: what is missing, wrong or too much (word error rate)
    lost           utterances of which nothing was heard
    false texts    sounds that are no speech, and became text
    again          utterances that were heard a second time, in 30 s, for the first was not to be trusted
    median, sum    of the time of a transcript, ms
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

import numpy as np

from benchmarks.asking import QUESTIONS, words, wrong_words
from benchmarks.report import print_json, table
from utils.audio.samples import FloatAudio
from utils.models.bundled_voice import BundledVoice
from utils.system.cpu_threads import let_waiting_threads_sleep
from utils.system.engine_thread import EngineThread, always

RATE = 16_000
WHOLE_S = 30.0
SHORT_WORDS = ("Yes.", "No.", "Stop!", "Wait.", "Hello.", "Okay.", "Thank you.", "Why?", "Go on.", "Sure.", "Hold on.")
STATEMENTS = (
    "I would like to know more about the ocean.",
    "Please tell me a story about a brave little dog.",
    "My name is Anna and I live in Berlin with my two cats.",
    "Yesterday we walked along the river until it was dark.",
    "Could you remind me to call my mother tomorrow at nine?",
    "The train was late again, so I missed the beginning of the film.",
)
PAUSE = np.zeros(RATE // 2, dtype=np.float32)


@dataclass(frozen=True)
class Sound:
    """What Whisper hears. said: the truth, "" where it is no speech; audio: float32 [n], 16 kHz."""

    kind: str
    said: str
    audio: FloatAudio


@dataclass
class Heard:
    """What one window made of the sounds, in their order. again: those that were heard a second time in 30 s."""

    texts: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    again: int = 0


def speech(voice: BundledVoice, rng: np.random.Generator) -> Iterator[Sound]:
    """Clean, at other speeds, quiet and noisy; short words; long turns."""
    sentences = (*QUESTIONS, *STATEMENTS)
    for text in sentences:
        clean = voice.say(text)
        yield Sound("clean", text, clean)
        yield Sound("quiet", text, clean * np.float32(0.1))
        yield Sound("noise 20 dB", text, noisy(clean, 20, rng))
        yield Sound("noise 10 dB", text, noisy(clean, 10, rng))
    for speed in (0.75, 1.3):
        for text in sentences:
            yield Sound(f"length {speed}", text, voice.say(text, speed))
    for text in SHORT_WORDS:
        audio = voice.say(text)
        yield Sound("word", text, audio)
        yield Sound("quiet word", text, audio * np.float32(0.1))
        yield Sound("noisy word", text, noisy(audio, 15, rng))
    for count in (3, 5, 7, 9):
        for first in range(0, len(sentences), count):
            chosen = [sentences[(first + place) % len(sentences)] for place in range(count)]
            audio = np.concatenate([piece for text in chosen for piece in (voice.say(text), PAUSE)])
            if len(audio) <= 27 * RATE:
                yield Sound("long", " ".join(chosen), audio)


def noisy(audio: FloatAudio, decibels: float, rng: np.random.Generator) -> FloatAudio:
    """With white noise so many decibels below it."""
    level = np.sqrt(np.mean(audio**2)) / 10 ** (decibels / 20)
    return (audio + rng.normal(0, level, len(audio))).astype(np.float32)


def no_speech(rng: np.random.Generator) -> Iterator[Sound]:
    """Silence, hiss, hum, breath, coughs, keys and music, 0.5 to 6 s."""
    for seconds in (0.5, 0.8, 1.2, 2.0, 3.5, 6.0):
        clock = np.arange(int(seconds * RATE)) / RATE
        white = rng.normal(0, 1, len(clock))
        keys = rng.normal(0, 1e-3, len(clock))
        for start in rng.integers(0, len(clock) - 300, int(7 * seconds)):
            keys[start : start + 300] += rng.normal(0, 0.3, 300) * np.exp(-np.arange(300) / 60)
        steps = (clock * 4).astype(int) % 4
        notes = np.sin(2 * np.pi * 220 * 2 ** (np.array((0, 4, 7, 12))[steps] / 12) * clock)
        sounds = {
            "silence": 0 * white, "hiss": 0.003 * white, "loud hiss": 0.01 * white, "noise": 0.1 * white,
            "breath": 0.15 * np.convolve(white, np.ones(6) / 6, "same") * np.hanning(len(clock)),
            "cough": 0.4 * np.convolve(white, np.ones(4) / 4, "same") * np.exp(-(clock % 0.6) / 0.08),
            "keys": keys, "music": 0.2 * notes, "hum": 0.1 * np.sin(2 * np.pi * 120 * clock),
        }  # fmt: skip
        for kind, samples in sounds.items():
            yield Sound(kind, "", samples.astype(np.float32))


def load(thread: EngineThread, model: str) -> Any:
    """The engine, in the dtype that it chooses itself."""
    from handlers.whisper.engine import WhisperEngine

    generation = {"max_new_tokens": 128, "num_beams": 1, "return_timestamps": False, "language": "en"}
    return thread.call(
        lambda: WhisperEngine(
            thread, model_name=model, device="cpu", torch_dtype="auto", compile_mode=None, gen_kwargs=generation,
            no_speech_threshold=0.6, logprob_threshold=-1.0, window_s=WHOLE_S,
        )
    )  # fmt: skip


def hear(engine: Any, sounds: Sequence[Sound], windows: Sequence[float]) -> dict[float, Heard]:
    """Each sound in every window, one after the other."""
    heard = {window: Heard() for window in windows}
    for sound in sounds:
        for window in windows:
            engine.window_s = window
            before = engine.heard_again
            begun = time.perf_counter()
            heard[window].texts.append(engine.transcribe(sound.audio, always))
            heard[window].seconds.append(time.perf_counter() - begun)
            heard[window].again += engine.heard_again - before
    return heard


def figures(sounds: Sequence[Sound], heard: Heard, whole: Heard) -> dict[str, float]:
    """What the module's docstring lists, for one window."""
    spoken = [(sound.said, text) for sound, text in zip(sounds, heard.texts, strict=True) if sound.said]
    wrong = sum(wrong_words(said, text) for said, text in spoken)
    return {
        "same": sum(a == b for a, b in zip(heard.texts, whole.texts, strict=True)),
        "of": len(sounds),
        "wrong_words_percent": round(100 * wrong / sum(len(words(said)) for said, _ in spoken), 2),
        "lost": sum(not text for _, text in spoken),
        "false_texts": sum(bool(text) for sound, text in zip(sounds, heard.texts, strict=True) if not sound.said),
        "again": heard.again,
        "median_ms": round(float(np.median(heard.seconds)) * 1000, 1),
        "sum_ms": round(sum(heard.seconds) * 1000),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--windows", type=float, nargs="+", default=[8.0, 10.0, 12.0])
    parser.add_argument("--model", default="bundled:whisper-tiny.en")
    parser.add_argument("--every", type=int, default=1, help="hear only every n-th sound")
    parser.add_argument("--show", action="store_true", help="print the transcripts that differ from those of 30 s")
    options = parser.parse_args(argv)
    let_waiting_threads_sleep()
    rng = np.random.default_rng(3)
    sounds = [*speech(BundledVoice(), rng), *no_speech(rng)][:: options.every]
    thread = EngineThread("stt")
    engine = load(thread, options.model)
    windows = [WHOLE_S, *options.windows]
    heard = hear(engine, sounds, windows)
    thread.close()
    result = {window: figures(sounds, heard[window], heard[WHOLE_S]) for window in windows}
    if options.show:
        for window in options.windows:
            for sound, text, other in zip(sounds, heard[window].texts, heard[WHOLE_S].texts, strict=True):
                if text != other:
                    print(f"{window:g} s, {sound.kind}: {sound.said!r}: {text!r}, in 30 s {other!r}")
    names = list(result[WHOLE_S])
    print(table([["window", *names], *([f"{window:g} s", *map(str, row.values())] for window, row in result.items())]))
    print_json("stt_windows", {"windows": {f"{window:g}": row for window, row in result.items()}})


if __name__ == "__main__":
    main()
