"""What each backend of the language model costs and gains, side by side: each in a process of its own, in one run.

python -m benchmarks.lm_speed [--variants bfloat16 llama_cpp …] [--questions 8] [--tokens 32]
                              [config.json and options of s2s_pipeline.py]

All are loaded at first, one after another, and then asked every question in turn, so that a busy machine is busy for
all of them. The first variant's answers are what the others' are compared with:

    load s              from the start of the process; loaded once before, so that nothing is left to fetch or convert
    MiB                 resident, after the last answer
    first ms            median from the question to the first text, its prompt read in full
    ahead ms            the same, after what is known before the words was read ahead
    known ms            the same, after the whole prompt was read ahead
    tokens/s            median of the answers whose whole prompt was read ahead
    prompt CPU ms       processor time, of all threads, that a token of the prompt takes
    CPU ms              the same, of a token of the answer
    same                answers that are the first variant's
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

import psutil

from benchmarks.command_line import parse_with_server, with_the_model
from benchmarks.latency import QUESTIONS
from benchmarks.report import print_json, table
from utils.models.devices import resolve_device
from utils.options.server import read_server_options
from utils.options.stages import load_handler, stage_options
from utils.system.cpu_threads import let_waiting_threads_sleep
from utils.system.engine_thread import EngineThread, always

VARIANTS = {
    "float32": ["--lm", "transformers", "--lm_quantize", "none", "--lm_torch_dtype", "float32"],
    "bfloat16": ["--lm", "transformers", "--lm_quantize", "none", "--lm_torch_dtype", "bfloat16"],
    "int8": ["--lm", "transformers", "--lm_quantize", "int8"],
    "llama_cpp": ["--lm", "llama_cpp"],
    "llama_cpp/1": ["--lm", "llama_cpp", "--lm_threads", "1"],
    "llama_cpp/2": ["--lm", "llama_cpp", "--lm_threads", "2"],
}


@dataclass(frozen=True)
class Answer:
    """One answer to a question, three times. Seconds."""

    text: str
    """The answer."""

    first_s: float
    """Until its first text, with nothing read ahead."""

    ahead_s: float
    """The same, after what is known before the words was read ahead."""

    known_s: float
    """The same, after all of the prompt was read ahead."""

    tokens_a_second: float
    """Of the whole answer, after all of the prompt was read ahead."""

    prompt_cpu_s: float
    """Processor time of reading one token of the prompt."""

    token_cpu_s: float
    """Processor time of writing one token of the answer."""


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0."""
    parser = argparse.ArgumentParser(description="What each backend of the language model costs and gains.")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["bfloat16", "llama_cpp"])
    parser.add_argument("--questions", type=int, default=8, help="how many to ask")
    parser.add_argument("--tokens", type=int, default=32, help="of an answer, at most")
    asked, server_arguments = parse_with_server(parser, argv)
    length = ["--lm_gen_max_new_tokens", str(asked.tokens)]
    workers = {name: _Worker(with_the_model(server_arguments, *VARIANTS[name], *length)) for name in asked.variants}
    answers: dict[str, list[Answer]] = {name: [] for name in workers}
    for question in QUESTIONS[: asked.questions]:
        for name, worker in workers.items():
            answers[name].append(worker.ask(question))
    results = {name: figures(worker, answers[name], answers[asked.variants[0]]) for name, worker in workers.items()}
    columns = list(results[asked.variants[0]])
    rows = [[name, *(f"{value:,.2f}" for value in result.values())] for name, result in results.items()]
    print(table([["", *(column.replace("_", " ") for column in columns)], *rows]))
    texts = {name: [answer.text for answer in given] for name, given in answers.items()}
    print_json("lm_speed", {"questions": asked.questions, "variants": results, "answers": texts})
    return 0


def figures(worker: _Worker, answers: Sequence[Answer], first: Sequence[Answer]) -> dict[str, float]:
    """Of one variant, its answers held to the first variant's."""

    def median(field: str) -> float:
        return float(statistics.median(getattr(answer, field) for answer in answers))

    return {
        "load_s": round(worker.load_s, 2),
        "MiB": round(worker.close() / (1 << 20)),
        "first_ms": round(1_000 * median("first_s"), 1),
        "ahead_ms": round(1_000 * median("ahead_s"), 1),
        "known_ms": round(1_000 * median("known_s"), 1),
        "tokens_a_second": round(median("tokens_a_second"), 1),
        "prompt_CPU_ms": round(1_000 * median("prompt_cpu_s"), 2),
        "CPU_ms": round(1_000 * median("token_cpu_s"), 2),
        "same": round(statistics.mean(mine.text == other.text for mine, other in zip(answers, first, strict=True)), 2),
    }


class _Worker:
    """A process with one engine, loaded twice: the second time nothing is left to convert or to fetch."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = list(arguments)
        self._start()
        self.close()
        self.load_s = self._start()

    def _start(self) -> float:
        """Returns the seconds until the engine is loaded."""
        started = time.perf_counter()
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")  # a fork of this process would begin with its memory
        self._process = context.Process(target=_serve, args=(self._arguments, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()
        return time.perf_counter() - started

    def ask(self, question: str) -> Answer:
        self._pipe.send(question)
        answer: Answer = self._pipe.recv()
        return answer

    def close(self) -> int:
        """End it. Returns the bytes that it had resident."""
        size = int(psutil.Process(self._process.pid).memory_info().rss)
        self._pipe.send(None)
        self._process.join()
        return size


def _serve(arguments: Sequence[str], pipe: Connection) -> None:
    """Load an engine, then answer the questions that come until None does."""
    let_waiting_threads_sleep()
    options = read_server_options(arguments)
    values = stage_options(options.lm)
    if "device" in values:
        values["device"] = resolve_device(values["device"] or options.server.device)
    with closing(EngineThread("lm")) as thread:
        engine = thread.call(lambda: load_handler(type(options.lm)).load(thread, **values))
        pipe.send(None)
        while (question := pipe.recv()) is not None:
            pipe.send(answer(engine, question))


def answer(engine: Any, question: str) -> Answer:
    """Ask the same three times, in conversations that have read ahead nothing, what is always known, everything."""
    cold, _, _, prompt_cpu_s = _ask(engine, question, lambda session, chat: None)
    ahead, _, _, _ = _ask(engine, question, lambda session, chat: engine.prefill(session, chat, always))
    known, text, seconds, cpu_s = _ask(engine, question, lambda s, chat: engine.prefill(s, chat, always, question))
    prompt = len(engine._prompts.whole(engine.new_chat(), question))
    written = max(1, _written(engine, text))
    return Answer(text, cold, ahead, known, written / seconds, max(0.0, prompt_cpu_s - cpu_s) / prompt, cpu_s / written)


def _ask(engine: Any, question: str, prepare: Callable[[Any, Any], None]) -> tuple[float, str, float, float]:
    """Seconds until the first text, the text, seconds until its end, processor seconds."""
    session, chat = engine.new_session(), engine.new_chat()
    prepare(session, chat)
    started, cpu = time.perf_counter(), time.process_time()
    pieces: Iterator[str] = engine.stream(session, chat, question, always)
    first = next(pieces, "")
    first_s = time.perf_counter() - started
    text = first + "".join(pieces)
    return first_s, text, time.perf_counter() - started, time.process_time() - cpu


def _written(engine: Any, text: str) -> int:
    return len(engine._tokenizer(text, add_special_tokens=False)["input_ids"])


if __name__ == "__main__":
    sys.exit(main())
