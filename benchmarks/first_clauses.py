"""How soon a reply is heard, and whether it stalls, by how it is cut into the pieces that are spoken.

python -m benchmarks.first_clauses [--questions 40] [--rates 15 25 40 60]

The bundled language model answers the questions of `benchmarks.latency` and some that are answered at length, once.
The bundled voice is timed by itself and while the model writes: its time is taken for a + b × the length of what it
says. Then every rule of cutting is played through at several speeds of the model, with a player that starts with the
first byte:

    first audio    the first token is begun → the first audio of the reply
    underruns      gaps between the audio of two pieces: how many, and their sum

Prints a table and ends with one JSON line.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks.asking import QUESTIONS
from benchmarks.reply_player import Answer, Rule, Voice, answer, cut, play, rules
from benchmarks.report import print_json, summary, table
from utils.audio.wire import REPLY_RATE
from utils.models.bundled import resolve_model
from utils.system.cpu_threads import let_waiting_threads_sleep
from utils.system.engine_thread import EngineThread, always

if TYPE_CHECKING:
    from handlers.llama_cpp.engine import LlamaCppEngine
    from handlers.piper.handler import PiperEngine

LM, VOICE = "bundled:smollm2-135m-instruct", "bundled:piper-en_US-joe-medium"
PROMPT = "You are a helpful voice assistant. Give short answers in spoken English."
ASKED = (
    *QUESTIONS,
    "What do you think about winter?",
    "Can I ask you something?",
    "Tell me a joke.",
    "How do I learn to swim?",
    "Is it true that cats are smart?",
    "Hello, how are you?",
    "What should I wear today?",
    "Explain gravity to me.",
    "Can you help me with my homework?",
    "Tell me about the history of Rome.",
    "What is the difference between a cat and a tiger?",
    "How do I bake a cake?",
    "Should I buy a car?",
    "What happened in 1969?",
    "Why is exercise good for me?",
    "Give me advice for a job interview.",
)
SEED = 1  # of the answers: sampled, for the likeliest ones of a small model are much alike
TEXTS = (
    "Sure,",
    "A week is seven days.",
    "Bees make a variety of things, including honey, wax and pollen.",
    "When you pedal, you move the wheels, which are connected to the rear axle of the bicycle.",
)
ROUNDS = 3
ANSWERS_BESIDE = "Tell me a very long story about a king."


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0."""
    parser = argparse.ArgumentParser(description="How soon a reply is heard, by how it is cut into pieces.")
    parser.add_argument(
        "--questions", type=int, default=len(ASKED), help="so many; again from the first where there are no more"
    )
    parser.add_argument("--rates", type=float, nargs="+", default=[15, 25, 40, 60], help="tokens a second")
    options = parser.parse_args(argv)
    let_waiting_threads_sleep()  # as the server does, before torch is loaded
    answers, voice, rate = measure([ASKED[number % len(ASKED)] for number in range(options.questions)])
    figures = {rule: {f"{r:g}": play_all(answers, make, r, voice) for r in options.rates} for rule, make in rules()}
    print(report(figures, options.rates))
    print(
        f"the model alone: {rate:.1f} tokens/s, {voice.slows:.0%} of it beside the voice; the voice: "
        f"{voice.start_s:.3f} s + {voice.factor:.3f} × length, {voice.factor_beside:.3f} × beside the model"
    )
    print_json(
        "first_clauses",
        {
            "replies": len(answers),
            "tokens_per_s": round(rate, 1),
            "voice": {name: round(value, 4) for name, value in vars(voice).items()},
            "rules": figures,
        },
    )
    return 0


def measure(questions: Sequence[str]) -> tuple[list[Answer], Voice, float]:
    """(the answers, the voice's speed, the model's tokens a second by itself)."""
    threads = [EngineThread("lm"), EngineThread("tts")]
    try:
        lm, tts = threads[0].call(lambda: load_lm(threads[0])), threads[1].call(lambda: load_voice(threads[1]))
        answers, rate = ask(lm, questions)
        return answers, time_voice(lm, tts, rate), rate
    finally:
        for thread in threads:
            thread.close(30)


def load_lm(thread: EngineThread) -> LlamaCppEngine:
    """As configs/bundled.json has it, but it samples: the same answers every time."""
    from handlers.llama_cpp.engine import LlamaCppEngine

    return LlamaCppEngine(
        thread, model_name=LM, n_ctx=2_048, threads=None, gpu_layers=0,
        user_role="user", init_chat_role="system", init_chat_prompt=PROMPT, chat_size=4,
        gen_kwargs={"max_new_tokens": 96, "do_sample": True, "temperature": 0.8, "seed": SEED},
    )  # fmt: skip


def load_voice(thread: EngineThread) -> PiperEngine:
    """As configs/bundled.json has it."""
    from handlers.piper.handler import PiperEngine

    return PiperEngine(thread, model_name=VOICE, device="cpu", length_scale=1.0, speaker_id=None)


def ask(lm: LlamaCppEngine, questions: Sequence[str]) -> tuple[list[Answer], float]:
    """(the answers, tokens a second)."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(resolve_model(LM))
    answers, took = [], 0.0
    for question in questions:
        began = time.perf_counter()
        words = list(lm.stream(lm.new_session(), lm.new_chat(), question, always))
        took += time.perf_counter() - began
        answers.append(answer(words, token_starts(tokenizer, "".join(words))))
    return answers, sum(answer.tokens for answer in answers) / took


def token_starts(tokenizer: Any, text: str) -> list[int]:
    """Where in the text each token starts, its white space included."""
    return [start for start, _ in tokenizer(text, add_special_tokens=False, return_offsets_mapping=True).offset_mapping]


def time_voice(lm: LlamaCppEngine, tts: PiperEngine, rate: float) -> Voice:
    """rate: the model's tokens a second by itself."""
    alone = spoken(tts)
    stop, words = threading.Event(), []

    def write() -> None:
        while not stop.is_set():
            for _ in lm.stream(lm.new_session(), lm.new_chat(), ANSWERS_BESIDE, lambda: not stop.is_set()):
                words.append(time.perf_counter())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        beside = spoken(tts)
    finally:
        stop.set()
        writer.join()
    letters, lengths, times = alone.T
    letter_s, pause_s = np.polyfit(letters, lengths, 1)
    factor, start_s = np.polyfit(lengths, times, 1)
    factor_beside = float(np.median((beside[:, 2] - max(0.0, start_s)) / beside[:, 1]))
    tokens_a_word = 1.3  # of English; one more or less changes little
    written = tokens_a_word * (len(words) - 1) / (words[-1] - words[0]) if len(words) > 1 else rate
    return Voice(
        float(pause_s), float(letter_s), max(0.0, float(start_s)), float(factor), max(factor_beside, float(factor)),
        min(1.0, written / rate),
    )  # fmt: skip


def spoken(tts: PiperEngine) -> Any:
    """float [n, 3]: letters, seconds of audio, seconds until the first of them; the quickest of `ROUNDS`."""
    rows = [[say(tts, text) for text in TEXTS] for _ in range(ROUNDS)]
    return np.array([min(tries, key=lambda row: row[2] / row[1]) for tries in zip(*rows, strict=True)])


def say(tts: PiperEngine, text: str) -> tuple[int, float, float]:
    """(letters, seconds of audio, seconds until the first of them)."""
    began, first, samples = time.perf_counter(), 0.0, 0
    for audio in tts.stream(text, always):
        first = first or (time.perf_counter() - began if len(audio) else 0.0)
        samples += len(audio)
    return len(text), samples / REPLY_RATE, first


def play_all(answers: Sequence[Answer], make: Rule, rate: float, voice: Voice) -> dict[str, Any]:
    """The figures of one rule at one speed, times in milliseconds."""
    heard = [play(cut(answer, make), answer.tokens, rate, voice) for answer in answers]
    gaps = [gap for one in heard for gap in one.gaps_s]
    first = [1_000 * one.first_s for one in heard]
    return {
        "first_audio_ms": {**summary(first), "mean": round(float(np.mean(first)), 1)},
        "underruns": len(gaps), "underruns_ms": round(1_000 * sum(gaps), 1), "pieces": sum(one.pieces for one in heard),
    }  # fmt: skip


def report(figures: dict[str, dict[str, dict[str, Any]]], rates: Sequence[float]) -> str:
    """For each speed of the model: first audio (median, mean, 95th percentile), underruns (their sum); milliseconds."""
    rows = [["median mean p95, underruns (ms)", *(f"{rate:g} tokens/s" for rate in rates), "pieces"]]
    for rule, by_rate in figures.items():
        cells = []
        for one in by_rate.values():
            first = one["first_audio_ms"]
            cells.append(
                f"{first['median']:.0f} {first['mean']:.0f} {first['p95']:.0f}, {one['underruns']} "
                f"({one['underruns_ms']:.0f})"
            )
        rows.append([rule, *cells, str(next(iter(by_rate.values()))["pieces"])])
    return table(rows)


if __name__ == "__main__":
    sys.exit(main())
