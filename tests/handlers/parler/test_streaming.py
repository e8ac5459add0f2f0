"""Streamed audio is the full decode, a cancelled utterance ends within a step and leaves nothing behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.parler.checkpoint import Checkpoint
from handlers.parler.speech import LONGEST_PROMPT, ParlerSpeech
from handlers.parler.streaming import SpeechStreamer
from tests.handlers.parler.conftest import ARCHITECTURES, DESCRIPTION, TEXT
from tests.parler_checkpoint import DELAY, HOP, build
from utils.system.engine_thread import Abandoned, always

STEPS = 24


class Clock:
    """Each look at it takes a while."""

    def __init__(self, tick=0.001):
        self.now = 0.0
        self.tick = tick

    def __call__(self):
        self.now += self.tick
        return self.now


@pytest.fixture(scope="module")
def streams(speech_of):
    """streams(first_s, warm) → streamer."""

    def make(first_s=0.05, warm=True, tick=0.0001):
        streamer = SpeechStreamer(speech_of("mini"), first_s, Clock(tick))
        if warm:
            options = speech_of("mini").options({"max_new_tokens": 30})
            streamer.warm_up(speech_of("mini").voice(DESCRIPTION), options)
        return streamer

    return make


def speak(streamer, speech, seed=1, live=always, **options):
    """(the chunks, what became of it)"""
    torch.manual_seed(seed)
    chunks = []
    spoken = streamer.speak(TEXT, speech.voice(DESCRIPTION), speech.options(options), live, chunks.append)
    return chunks, spoken


@given(
    steps=st.integers(1, 120),
    first_s=st.floats(0.0, 0.6),
    tick=st.sampled_from([1e-5, 1e-4, 1e-3, 0.1]),
    seed=st.integers(0, 3),
)
@settings(max_examples=25, deadline=None)
def test_the_stream_is_the_full_decode(speech_of, streams, steps, first_s, tick, seed):
    speech = speech_of("mini")
    streamer = streams(first_s, tick=tick)
    chunks, spoken = speak(streamer, speech, seed, max_new_tokens=steps, min_new_tokens=steps)
    codes = speech.codes(TEXT, DESCRIPTION, seed=seed, max_new_tokens=steps, min_new_tokens=steps)
    audio = np.concatenate([*chunks, np.zeros(0, np.float32)])
    assert len(audio) == max(0, steps - DELAY) * HOP
    np.testing.assert_allclose(audio, speech.audio(codes).numpy(), atol=1e-4)
    assert spoken.steps == steps
    assert spoken.cut_off


def test_the_first_chunk_is_small_and_later_ones_grow(speech, streams):
    chunks, _ = speak(streams(0.05), speech, max_new_tokens=600, min_new_tokens=600)
    sizes = [len(chunk) for chunk in chunks]
    assert 0 <= sizes[0] - 0.05 * 44_100 < HOP
    assert sizes[0] < sizes[1] <= max(sizes[2:])


def test_a_voice_that_comes_to_its_end_was_not_cut_off(speech, streams):
    spoken = [speak(streams(), speech, seed, max_new_tokens=200)[1] for seed in range(6)]
    assert not all(one.cut_off for one in spoken)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "fixed buffers"])
@pytest.mark.parametrize("architecture", ["mini", "rotary-cross-attended-prompt"])
def test_a_cancel_at_any_step_leaves_nothing_behind(tmp_path, monkeypatch, architecture, compiled):
    """The next utterance is bit for bit that of a fresh engine."""

    def fresh(name):
        folder = build(tmp_path / name, **ARCHITECTURES[architecture])
        speech = ParlerSpeech(Checkpoint.load(str(folder), torch.float32, "cpu"), longest=100)
        if compiled:
            monkeypatch.setattr(torch, "compile", lambda step, **options: step)
            speech.compile("default", 128)
        return speech

    used, options = fresh("used"), {"max_new_tokens": STEPS, "min_new_tokens": STEPS}
    expected = fresh("fresh").codes("Next.", "Another voice.", seed=2, **options)
    streamer = SpeechStreamer(used, 0.01)
    for step in range(STEPS + 1):
        asked = 0

        def live(step=step):
            nonlocal asked
            asked += 1
            return asked <= step

        with pytest.raises(Abandoned):
            speak(streamer, used, live=live, **options)
        assert asked == step + 1  # it asked before each step and each piece, and no more once it was told
        assert torch.equal(used.codes("Next.", "Another voice.", seed=2, **options), expected)


def test_an_error_in_a_step_leaves_nothing_behind(speech, streams, monkeypatch):
    options = {"max_new_tokens": STEPS, "min_new_tokens": STEPS}
    expected = speech.codes(TEXT, DESCRIPTION, seed=2, **options)
    step = speech.decoder.step

    def fail(ids, positions, *others, **named):
        if int(positions[0]) > 40:
            raise RuntimeError("the device is on fire")
        return step(ids, positions, *others, **named)

    monkeypatch.setattr(speech.decoder, "step", fail)
    with pytest.raises(RuntimeError, match="on fire"):
        speak(streams(warm=False), speech, **options)
    monkeypatch.setattr(speech.decoder, "step", step)
    assert torch.equal(speech.codes(TEXT, DESCRIPTION, seed=2, **options), expected)


def test_a_prompt_that_is_too_long_is_cut_with_a_warning(speech, caplog):
    codes = speech.codes("x" * 2 * LONGEST_PROMPT, DESCRIPTION, seed=1, max_new_tokens=20, min_new_tokens=20)
    assert codes.shape[1] == 20 - DELAY
    assert "too long" in caplog.text
