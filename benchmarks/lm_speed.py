"""How fast the language model answers in each precision, decoded by `generate` or by our own loop, and what it costs.

python -m benchmarks.lm_speed [--variants float32/generate bfloat16 int4 …] [--questions 8] [--tokens 32]
                              [config.json and options of s2s_pipeline.py]

A variant is a precision (float32, bfloat16, int8, int4; the last two compute in bfloat16) and a way: `generate` is
Transformers' with its own layers, `layers` our loop over these, nothing our loop with the short forward pass where
the model has one. All are loaded at first, and asked every question one after another, so that a busy machine is busy
for all of them. The answers and the perplexity are held to those of the first variant:

    tokens/s            median over the tokens after the first
    first ms            median from the question to the first token, its prompt read in full
    ahead ms            the same, after what is known before the words was read ahead
    same                answers that are the first variant's, token for token
    same tokens         with which an answer begins as the first variant's, mean
    perplexity          of the first five of the first variant's answers, each token read in a step of its own
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

import torch

from benchmarks.command_line import parse_with_server
from benchmarks.latency import QUESTIONS
from benchmarks.report import machine, print_json, table
from handlers.language_model import engine as language_model_engine
from handlers.language_model.llama_step import install_llama_step
from handlers.language_model.prompt_cache import common_prefix
from utils.models.devices import resolve_device
from utils.options.server import ServerOptions, read_server_options
from utils.options.stages import stage_options
from utils.system.cpu_threads import let_waiting_threads_sleep
from utils.system.engine_thread import EngineThread, always

PRECISIONS = ("float32", "bfloat16", "int8", "int4")
WAYS = ("generate", "layers")
JUDGED = 5  # of the first variant's answers, for the perplexity
DEFAULT = ("float32/generate", "bfloat16/generate", "float32", "bfloat16", "int8", "int4")


@dataclass
class Variant:
    """An engine and what it did. Seconds; answers: of each, its prompt's tokens and its own but the last."""

    name: str
    engine: Any
    step_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    ahead_s: list[float] = field(default_factory=list)
    answers: list[tuple[list[int], list[int]]] = field(default_factory=list)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0."""
    parser = argparse.ArgumentParser(description="How fast the language model answers, and what it costs.")
    parser.add_argument("--variants", nargs="+", choices=names(), default=DEFAULT, metavar="precision[/way]")
    parser.add_argument("--questions", type=int, default=8, help="how many to ask")
    parser.add_argument("--tokens", type=int, default=32, help="of an answer, at most")
    asked, server_arguments = parse_with_server(parser, argv)
    let_waiting_threads_sleep()
    options = read_server_options(server_arguments)
    thread = EngineThread("lm")
    with closing(thread):
        variants = [load(options, thread, name, asked.tokens) for name in asked.variants]
        for question in QUESTIONS[: asked.questions]:
            for variant in variants:
                ask(variant, question)
        results = {variant.name: figures(variant, variants[0], thread) for variant in variants}
    columns = list(results[asked.variants[0]])
    rows = [[name, *(f"{value:,.2f}" for value in result.values())] for name, result in results.items()]
    print(table([["", *(column.replace("_", " ") for column in columns)], *rows]))
    print_json({"benchmark": "lm_speed", **machine(), "questions": asked.questions, "variants": results})
    return 0


def names() -> list[str]:
    """Of every variant."""
    return [*PRECISIONS, *(f"{precision}/{way}" for precision in PRECISIONS for way in WAYS)]


def load(options: ServerOptions, thread: EngineThread, name: str, tokens: int) -> Variant:
    """The engine with the options of the language model, its precision and its way changed."""
    precision, _, way = name.partition("/")
    quantize = precision if precision.startswith("int") else None
    values = {**stage_options(options.lm), "quantize": quantize, "torch_dtype": "bfloat16" if quantize else precision}
    values["device"] = resolve_device(values["device"] or options.server.device)
    values["gen_kwargs"] = {**values["gen_kwargs"], "max_new_tokens": tokens}
    usual = install_llama_step
    if way:
        language_model_engine.install_llama_step = lambda model, device: False
    try:
        engine = thread.call(lambda: language_model_engine.LanguageModelEngine(thread, **values))
    finally:
        language_model_engine.install_llama_step = usual
    engine._plain = engine._plain and way != "generate"
    return Variant(name, engine)


def ask(variant: Variant, question: str) -> None:
    """Answer a question in a new conversation, and begin to once more after reading ahead."""
    engine, moments = variant.engine, []
    hook = engine._model.register_forward_hook(lambda *_: moments.append(time.perf_counter()))
    try:
        session, chat = engine.new_session(), engine.new_chat()
        started = time.perf_counter()
        for _ in engine.stream(session, chat, question, always):
            pass
        variant.first_s.append(moments[0] - started)
        variant.step_s += [after - before for before, after in itertools.pairwise(moments)]
        prompt = engine._prompt(chat, question)
        variant.answers.append((prompt, session.tokens[len(prompt) :]))
        engine.prefill(session := engine.new_session(), chat, always)
        moments.clear()
        started = time.perf_counter()
        with closing(engine.stream(session, chat, question, always)) as pieces:
            next(pieces)
        variant.ahead_s.append(moments[0] - started)
    finally:
        hook.remove()


def figures(variant: Variant, first: Variant, thread: EngineThread) -> dict[str, float]:
    """Of one variant, its answers held to the first's."""
    pairs = [(mine, theirs) for (_, mine), (_, theirs) in zip(variant.answers, first.answers, strict=True)]
    return {
        "tokens_a_second": round(1 / statistics.median(variant.step_s), 1),
        "first_ms": round(statistics.median(variant.first_s) * 1_000, 1),
        "ahead_ms": round(statistics.median(variant.ahead_s) * 1_000, 1),
        "same": round(statistics.mean(mine == theirs for mine, theirs in pairs), 3),
        "same_tokens": round(statistics.mean(common_prefix(mine, theirs) for mine, theirs in pairs), 1),
        "perplexity": round(thread.call(lambda: perplexity(variant.engine, first.answers[:JUDGED])), 4),
    }


@torch.inference_mode()
def perplexity(engine: Any, answers: Sequence[tuple[list[int], list[int]]]) -> float:
    """Of answers (prompt, tokens), each token read in a step of its own."""
    losses = []
    for prompt, answer in answers:
        cache = engine._caches.prepare(engine.new_session(), prompt, len(answer))
        for count, token in enumerate(answer):
            logits = engine._reader.read([*prompt, *answer[:count]], cache)
            losses.append(-float(logits.float().log_softmax(-1)[token]))
    return math.exp(statistics.mean(losses))


if __name__ == "__main__":
    sys.exit(main())
