"""Compiled and recorded steps do what eager ones do, whatever the lengths, and are compiled once."""

from __future__ import annotations

import contextlib
import logging
from typing import ClassVar

import pytest
import torch

from handlers.parler import steps as steps_module
from handlers.parler.checkpoint import Checkpoint
from handlers.parler.speech import ParlerSpeech
from handlers.parler.steps import FixedSteps
from tests.handlers.parler.conftest import ARCHITECTURES, DESCRIPTION, TEXT
from tests.parler_checkpoint import build

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's compiler warns of torch
COMPILED = [
    "mini",
    pytest.param("rotary-cross-attended-prompt", marks=pytest.mark.more),
    pytest.param("grouped-queries-rotary", marks=pytest.mark.more),
]
TEXTS = ["A", TEXT, "Quite a long sentence, " * 12]
VOICES = ["A calm voice.", "Shouting, from a place that is very far away, in the rain."]
OPTIONS = {"max_new_tokens": 60, "min_new_tokens": 20}


class FakeGraph:
    """Stands in for a CUDA graph: its replay writes its result to where the recorded result was."""

    recorded = 0
    devices: ClassVar[set[torch.device]] = set()

    def __call__(self, step, device):
        output = step().clone()
        type(self).recorded += 1
        self.devices.add(device)

        def replay():
            output.copy_(step())
            return output

        return replay


@pytest.fixture
def graphs(monkeypatch):
    """CUDA graphs are recorded as far as a CPU can; uncompiled, for that is another test's."""
    monkeypatch.setattr(FakeGraph, "recorded", 0)
    monkeypatch.setattr(FakeGraph, "devices", set())
    monkeypatch.setattr(steps_module, "record_cuda_graph", FakeGraph())
    monkeypatch.setattr(torch, "compile", lambda step, **options: step)
    return FakeGraph


class FakeCuda:
    """Stands in for `torch.cuda` with two GPUs: what belongs to the current one remembers which that was."""

    def __init__(self):
        self.current, self.used = 0, []

    @contextlib.contextmanager
    def device(self, device):
        before, self.current = self.current, torch.device(device).index
        yield
        self.current = before

    def Stream(self):
        return FakeStream(self)

    def current_stream(self):
        return FakeStream(self)

    def CUDAGraph(self):
        return FakeStream(self)

    @contextlib.contextmanager
    def stream(self, stream):
        self.used.append(("run on", stream.device))
        yield

    @contextlib.contextmanager
    def graph(self, graph):
        self.used.append(("record", graph.device))
        yield


class FakeStream:
    """A stream, or a graph."""

    def __init__(self, cuda):
        self.device, self._cuda = cuda.current, cuda

    def wait_stream(self, other):
        self._cuda.used.append(("wait for", other.device))

    def replay(self):
        self._cuda.used.append(("replay", self._cuda.current))


def test_a_graph_is_recorded_and_replayed_on_the_gpu_that_has_the_weights(monkeypatch):
    cuda, steps = FakeCuda(), []
    monkeypatch.setattr(torch, "cuda", cuda)

    def step():
        steps.append(cuda.current)
        return len(steps)

    replay = steps_module.record_cuda_graph(step, torch.device("cuda:1"))
    assert replay() == replay() == 4
    assert steps == [1, 1, 1, 1]  # three to set things up, one that is recorded
    assert {device for _, device in cuda.used} == {1}
    assert [what for what, _ in cuda.used] == ["wait for", "run on", "wait for", "record", "replay", "replay"]
    assert cuda.current == 0


def own_speech(tmp_path, architecture="mini", **options):
    folder = build(tmp_path / architecture, restless=True, **ARCHITECTURES[architecture])
    return ParlerSpeech(Checkpoint.load(str(folder), torch.float32, "cpu"), **options)


def all_codes(speech, **options):
    return [
        speech.codes(text, voice, seed=seed, **OPTIONS | options)
        for seed, (text, voice) in enumerate((text, voice) for text in TEXTS for voice in VOICES)
    ]


def same(some, others):
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


@pytest.mark.parametrize("architecture", COMPILED)
def test_compiled_steps_make_the_same_codes_and_are_never_compiled_again(tmp_path, architecture):
    from torch._dynamo.utils import counters

    speech = own_speech(tmp_path, architecture)
    eager = all_codes(speech)
    torch._dynamo.reset()
    counters.clear()
    speech.compile("default", 128)
    compiled = dict(counters["stats"])
    assert compiled["unique_graphs"] == 2  # a short span, a long one
    assert not counters["graph_break"]
    assert same(all_codes(speech), eager)
    assert dict(counters["stats"]) == compiled
    assert not counters["recompiles"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_fixed_buffers_and_graphs_make_the_same_codes(tmp_path, graphs, architecture):
    """Masked where they are empty; a graph's result is overwritten by its next replay."""
    speech = own_speech(tmp_path, architecture)
    eager = all_codes(speech)
    greedy = all_codes(speech, do_sample=False)
    speech.compile("reduce-overhead", 128)
    assert graphs.recorded == 2
    assert graphs.devices == {speech.decoder.weights.device}
    assert same(all_codes(speech), eager)
    assert same(all_codes(speech, do_sample=False), greedy)


def test_an_utterance_that_outgrows_the_short_span(tmp_path, graphs):
    speech = own_speech(tmp_path)
    options = {"seed": 1, "max_new_tokens": 900, "min_new_tokens": 900}
    eager = speech.codes("Long. " * 40, DESCRIPTION, **options)
    speech.compile("max-autotune", 128)
    assert torch.equal(speech.codes("Long. " * 40, DESCRIPTION, **options), eager)


def test_a_description_that_is_too_long_runs_eagerly(tmp_path, graphs):
    speech = own_speech(tmp_path)
    eager = speech.codes(TEXT, VOICES[1], seed=1, **OPTIONS)
    speech.compile("reduce-overhead", 16)
    assert torch.equal(speech.codes(TEXT, VOICES[1], seed=1, **OPTIONS), eager)
    assert torch.equal(speech.codes(TEXT, VOICES[1], seed=1, **OPTIONS), eager)


def test_rows_of_a_recorded_batch_are_as_alone(tmp_path, graphs):
    speech = own_speech(tmp_path)
    texts, voices = TEXTS, [VOICES[0], VOICES[1], VOICES[0]]
    alone = [speech.codes(text, voice, seed=7, **OPTIONS) for text, voice in zip(texts, voices, strict=True)]
    with torch.inference_mode():
        speech._steps = FixedSteps(speech.decoder, "reduce-overhead", rows=3, listened=128)
        speech._steps.warm_up()
    assert same(speech.batch_codes(texts, voices, seeds=[7, 7, 7], **OPTIONS), alone)
    assert torch.equal(speech.codes(texts[0], voices[0], seed=7, **OPTIONS), alone[0])  # another number of rows


def test_nothing_of_a_broken_utterance_is_left(tmp_path, graphs):
    """Not even what no mask keeps out: zero times NaN is NaN."""
    speech = own_speech(tmp_path)
    expected = speech.codes(TEXT, DESCRIPTION, seed=1, **OPTIONS)
    speech.compile("reduce-overhead", 128)
    speech.codes(TEXTS[2], DESCRIPTION, seed=1, **OPTIONS)
    with torch.inference_mode():
        for layer in speech._steps._cache.layers:
            layer[:, :, :, : speech._steps._used] = torch.nan
    assert torch.equal(speech.codes(TEXT, DESCRIPTION, seed=1, **OPTIONS), expected)


def test_a_compilation_that_fails_leaves_it_uncompiled(tmp_path, monkeypatch, caplog):
    def fail(step, **options):
        raise RuntimeError("no compiler")

    speech = own_speech(tmp_path)
    monkeypatch.setattr(torch, "compile", fail)
    assert not speech.try_to_compile("default", 128)
    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "--tts_compile_mode default failed" in record.getMessage()
    assert "no compiler" in record.getMessage()
    assert speech.codes(TEXT, DESCRIPTION, seed=1, **OPTIONS).shape[1] > 0
