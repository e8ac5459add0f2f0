"""Engines of llama.cpp, with the bundled model and with tiny ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from handlers.llama_cpp.engine import LlamaCppEngine
from utils.system.engine_thread import EngineThread

BUNDLED = "bundled:smollm2-135m-instruct"
OPTIONS = {
    "model_name": BUNDLED, "n_ctx": 2048, "threads": 1, "gpu_layers": 0, "user_role": "user",
    "init_chat_role": "system", "init_chat_prompt": "Be brief.", "chat_size": 10,
}  # fmt: skip
GENERATION = {"max_new_tokens": 40, "temperature": 0.0, "do_sample": False}


@pytest.fixture(scope="module")
def thread() -> Iterator[EngineThread]:
    made = EngineThread("lm")
    yield made
    assert made.close(30)


@pytest.fixture(scope="module")
def load(thread):
    """load(option=…, gen_kwargs=…) → an engine."""

    def make(gen_kwargs=None, **changed) -> LlamaCppEngine:
        options = {**OPTIONS, **changed, "gen_kwargs": {**GENERATION, **(gen_kwargs or {})}}
        return thread.call(lambda: LlamaCppEngine(thread, **options))

    return make


@pytest.fixture(scope="module")
def engine(load) -> LlamaCppEngine:
    return load()


@contextlib.contextmanager
def counted(engine: LlamaCppEngine) -> Iterator[list[int]]:
    """How many tokens each pass reads."""
    passes: list[int] = []
    read = engine._context.read

    def counting(tokens, sequence, start):
        passes.append(len(tokens))
        read(tokens, sequence, start)

    engine._context.read = counting
    yield passes
    engine._context.read = read


@pytest.fixture
def passes(engine):
    with counted(engine) as lengths:
        yield lengths
