"""Compiled models: they say what the uncompiled ones say, and nothing is compiled again after warm-up."""

from __future__ import annotations

import contextlib
import logging
import sys

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from handlers import compilation
from handlers.compilation import Compilation, forget_broken_recording, usable_mode
from handlers.language_model import engine as language_model_engine
from handlers.language_model.engine import LanguageModelEngine
from handlers.language_model.prompt_cache import FixedCaches, RecurrentCaches
from handlers.whisper.engine import WhisperEngine
from tests.lm_checkpoint import build_checkpoint
from utils.system.engine_thread import EngineThread, always

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's compiler warns of torch
QUESTIONS = ["What is the capital of France?", "And of Italy?", "Why is the sky blue, and the sea, and a whale?", "No."]
LM = {
    "device": "cpu", "torch_dtype": "float32", "quantize": None, "trust_remote_code": False, "user_role": "user",
    "init_chat_role": None, "init_chat_prompt": "", "chat_size": 10,
}  # fmt: skip
STT = {
    "model_name": "bundled:whisper-tiny.en", "device": "cpu", "torch_dtype": "float32", "no_speech_threshold": 0.6,
    "logprob_threshold": -1.0,
    "window_s": 30.0,
}  # fmt: skip
HEARING = {"max_new_tokens": 128, "num_beams": 1, "return_timestamps": False, "task": "transcribe", "language": "en"}


@pytest.fixture
def thread():
    made = EngineThread("compiled")
    yield made
    assert made.close(60)
    torch.compiler.reset()


def language_model(thread, model, mode, **generation) -> LanguageModelEngine:
    options = {**LM, "model_name": str(model), "compile_mode": mode, "gen_kwargs": {"max_new_tokens": 12, **generation}}
    return thread.call(lambda: LanguageModelEngine(thread, **options))


def whisper(thread, mode, **generation) -> WhisperEngine:
    options = {**STT, "compile_mode": mode, "gen_kwargs": {**HEARING, **generation}}
    return thread.call(lambda: WhisperEngine(thread, **options))


def conversation(engine, turns=8) -> list[str]:
    """A conversation that grows; every third reply is interrupted."""
    chat, session, replies = engine.new_chat(), engine.new_session(), []
    for turn in range(turns):
        question = QUESTIONS[turn % len(QUESTIONS)]
        stream = engine.stream(session, chat, question, always)
        if turn % 3 == 2:
            text = next(stream)
            stream.close()
        else:
            text = "".join(stream)
        replies.append(text)
        chat.record(question, text, interrupted=turn % 3 == 2)
    return replies


def graphs() -> int:
    """How many have been compiled."""
    return counters["stats"]["unique_graphs"]


@pytest.mark.parametrize(
    ("mode", "device", "used", "line"),
    [
        (None, "cpu", None, None),
        (None, "cuda", None, None),
        ("default", "cpu", "default", None),
        ("reduce-overhead", "cpu", "default", "default is used instead"),
        ("max-autotune", "cpu", "default", "default is used instead"),
        ("default", "cuda", "default", None),
        ("reduce-overhead", "cuda:1", "reduce-overhead", None),
        ("max-autotune", "cuda", "max-autotune", None),
        ("default", "mps", None, "no effect on mps"),
    ],
)
def test_the_mode_is_what_the_device_can_do(mode, device, used, line, caplog):
    assert usable_mode("lm", mode, device) == used
    assert [line in record.message for record in caplog.records] == ([True] if line else [])


def test_without_a_compiler_a_cpu_runs_uncompiled(monkeypatch, caplog):
    monkeypatch.setattr(compilation.shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "platform", "linux")
    assert usable_mode("stt", "default", "cpu") is None
    assert usable_mode("stt", "default", "cuda") == "default"
    assert [record.message for record in caplog.records] == [
        "--stt_compile_mode default needs a C++ compiler (apt install g++): the model runs uncompiled"
    ]


def test_what_does_not_compile_runs_uncompiled(monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise RuntimeError("no such\nkernel")

    monkeypatch.setattr(torch, "compile", lambda forward, **options: broken)
    module = torch.nn.Linear(2, 2)
    eager = module.forward
    made = Compilation("lm", "default")
    made.add(module, lambda arguments: True, "logits")
    assert not made.warmed_up([lambda: module(torch.zeros(1, 2))])
    assert module.forward == eager
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.message.endswith("the model runs uncompiled: RuntimeError: no such kernel")


@pytest.mark.parametrize(
    ("mode", "graphs", "used"),
    [
        ("default", True, "default"),
        ("default", False, "default"),
        ("reduce-overhead", True, "reduce-overhead"),
        ("reduce-overhead", False, "default"),
        ("max-autotune", False, "max-autotune-no-cudagraphs"),
    ],
)
def test_graphs_are_recorded_only_where_they_may_be(monkeypatch, mode, graphs, used):
    asked, steps = [], []
    monkeypatch.setattr(torch, "compile", lambda forward, **options: asked.append(options["mode"]) or forward)
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: steps.append(1))
    module = torch.nn.Module()
    module.forward = lambda **arguments: {"logits": torch.zeros(1)}
    Compilation("stt", mode).add(module, lambda arguments: True, "logits", graphs=graphs)
    module(x=1)
    assert asked == [used]
    assert bool(steps) == (graphs and mode != "default")


@pytest.mark.parametrize("broken", [False, True])
def test_a_recording_that_broke_off_is_ended_by_one_that_does_not(monkeypatch, broken):
    recorded = []

    @contextlib.contextmanager
    def graph(made):
        if broken:
            raise RuntimeError("no recording here")
        recorded.append(made)
        yield

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: "graph")
    monkeypatch.setattr(torch, "zeros", lambda *size, device: None)
    forget_broken_recording()
    assert recorded == ([] if broken else ["graph"])


@pytest.mark.parametrize(
    ("model_type", "changes"),
    [
        ("llama", {}),
        ("phi3", {"sliding_window": 32}),
        ("gemma3_text", {"head_dim": 8, "sliding_window": 32, "layer_types": ["sliding_attention", "full_attention"]}),
    ],
)
def test_a_compiled_language_model_says_the_same(tmp_path, thread, monkeypatch, model_type, changes):
    monkeypatch.setattr(language_model_engine, "COMPILED_LENGTHS", (64, 512))
    folder = build_checkpoint(tmp_path, model_type, **changes)
    expected = conversation(language_model(thread, folder, None))
    before = graphs()
    engine = language_model(thread, folder, "default")
    assert isinstance(engine._caches, FixedCaches)
    warm = graphs()
    assert warm - before == 2  # one for each length of the cache
    assert conversation(engine) == expected
    assert conversation(engine) == expected
    assert graphs() == warm


def test_conversations_that_take_turns_do_not_share_a_cache(tmp_path, thread, monkeypatch):
    monkeypatch.setattr(language_model_engine, "COMPILED_LENGTHS", (256,))
    engine = language_model(thread, build_checkpoint(tmp_path, "llama"), "reduce-overhead")
    chats, sessions = [engine.new_chat() for _ in range(2)], [engine.new_session() for _ in range(2)]
    chats[0].record("My name is Bob.", "Hello Bob.")
    alone = ["".join(engine.stream(engine.new_session(), chat, QUESTIONS[0], always)) for chat in chats]
    for _ in range(2):
        for chat, session, expected in zip(chats, sessions, alone, strict=True):
            assert "".join(engine.stream(session, chat, QUESTIONS[0], always)) == expected


def test_the_way_of_cuda_graphs_says_the_same(tmp_path, thread, monkeypatch):
    """On a CPU nothing is recorded; marking the steps and copying their results happen all the same."""
    monkeypatch.setattr(language_model_engine, "COMPILED_LENGTHS", (512,))
    monkeypatch.setattr(language_model_engine, "usable_mode", lambda part, mode, device: mode)
    folder = build_checkpoint(tmp_path, "llama")
    expected = conversation(language_model(thread, folder, None), 4)
    engine = language_model(thread, folder, "reduce-overhead")
    assert isinstance(engine._caches, FixedCaches)
    assert conversation(engine, 4) == expected


def test_history_that_does_not_fit_the_longest_cache_is_dropped(tmp_path, thread, monkeypatch):
    monkeypatch.setattr(language_model_engine, "COMPILED_LENGTHS", (64, 128))
    engine = language_model(thread, build_checkpoint(tmp_path, "llama"), "default")
    conversation(engine, 10)
    assert engine._prompts.context_length == 128


def test_beams_and_unknown_caches_run_uncompiled(tmp_path, thread, caplog):
    folder = build_checkpoint(tmp_path, "llama")
    engine = language_model(thread, folder, "default", num_beams=2)
    assert engine._caches is None
    assert conversation(engine, 1)[0]
    hybrid = {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False}
    engine = language_model(thread, build_checkpoint(tmp_path / "hybrid", "lfm2", **hybrid), "default")
    assert isinstance(engine._caches, RecurrentCaches)
    assert sum("uncompiled" in record.message for record in caplog.records) == 2


def test_the_real_language_model_compiled_says_the_same(thread, monkeypatch):
    monkeypatch.setattr(language_model_engine, "COMPILED_LENGTHS", (512,))
    name = "bundled:smollm2-135m-instruct"
    expected = conversation(language_model(thread, name, None, max_new_tokens=30), 4)
    engine = language_model(thread, name, "default", max_new_tokens=30)
    warm = graphs()
    assert conversation(engine, 4) == expected
    assert "Paris" in expected[0]
    assert graphs() == warm


def test_a_compiled_whisper_hears_the_same(thread, say, caplog):
    utterances = [say(text) for text in ("What is the capital of France?", "Yes.", "Tell me a story about a dog.")]
    utterances += [np.zeros(16_000, dtype=np.float32), np.concatenate([*utterances] * 3)]
    uncompiled = whisper(thread, None)
    expected = [uncompiled.transcribe(audio, always) for audio in utterances]
    before = graphs()
    engine = whisper(thread, "max-autotune")
    assert sum("default is used instead" in record.message for record in caplog.records) == 1
    warm = graphs()
    assert warm - before == 2  # the encoder, and the decoder's step
    assert [engine.transcribe(audio, always) for audio in utterances] == expected
    assert "France" in expected[0]
    assert len(expected[-1]) > 100
    assert graphs() == warm


def test_whisper_with_beams_runs_uncompiled(thread, say, caplog):
    engine = whisper(thread, "default", num_beams=2)
    assert "France" in engine.transcribe(say("What is the capital of France?"), always)
    assert sum("uncompiled" in record.message for record in caplog.records) == 1
