"""A Piper voice in parts: the same sound, sooner; and voices that can't be divided."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import piper
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.piper import voice as piper_voice
from handlers.piper.onnx_halves import NotDivisible, divide
from handlers.piper.voice import CONTEXT, FIRST, Voice, as_a_whole, in_parts
from utils.models.bundled import resolve_model

TEXT = "The capital of France is Paris, and that of Italy is Rome."


@pytest.fixture(scope="module")
def file():
    (found,) = Path(resolve_model("bundled:piper-en_US-joe-medium")).glob("*.onnx")
    return found


@pytest.fixture(scope="module")
def voice(file):
    made = Voice(piper, file, 1.0, None)
    made.warm_up()
    return made


def middle_of(voice, text=TEXT):
    return voice._middle(voice._letters.phonemize(text)[0])


# --- parts


@given(st.integers(1, 5_000))
def test_the_parts_are_the_whole_each_with_its_context(frames):
    parts = list(in_parts(frames))
    assert [parts[0].start, *(part.end for part in parts)] == [*(part.start for part in parts), frames]
    for part in parts:
        assert part.low == max(0, part.start - CONTEXT)
        assert part.high == min(frames, part.end + CONTEXT)
        assert part.end - part.start >= min(frames, FIRST)


def test_the_first_part_is_short_and_there_are_few():
    assert next(in_parts(2_000)).high == FIRST + CONTEXT
    assert [part.end - part.start for part in in_parts(2_000)] == [24, 48, 96, 192, *6 * [256], 104]
    assert len(list(as_a_whole(2_000))) == 1


# --- the bundled voice


def test_what_it_says_in_parts_is_what_it_says_as_a_whole(voice):
    middle = middle_of(voice)
    parts, whole = (list(voice._decoded(middle, way)) for way in (in_parts, as_a_whole))
    assert len(parts) > 3
    assert np.allclose(np.concatenate(parts), whole[0], atol=1e-5)
    assert np.std(whole[0]) > 0.01


def test_it_needs_no_more_context_than_it_has(voice, monkeypatch):
    middle = middle_of(voice)
    whole = next(voice._decoded(middle, as_a_whole))
    for context, same in ((10, True), (6, False)):
        monkeypatch.setattr(piper_voice, "CONTEXT", context)
        joined = np.concatenate(list(voice._decoded(middle, in_parts)))
        assert np.allclose(joined, whole, atol=1e-5) == same


def test_it_is_the_voice_of_the_undivided_model(voice, file):
    """Without the noise that makes each time a little different."""
    voice._scales = np.array([0.0, 1.0, 0.0], dtype=np.float32)
    said = np.concatenate(list(voice.speak(TEXT)))
    config = piper.SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0, normalize_audio=False)
    (chunk,) = piper.PiperVoice.load(file).synthesize(TEXT, config)
    assert np.allclose(said, voice._gain * chunk.audio_float_array, atol=1e-3)


def test_it_is_loud_and_does_not_clip(voice):
    for text in ("Yes.", "Wow! That is amazing!", "A day is 24 hours,"):
        peak = np.abs(np.concatenate(list(voice.speak(text)))).max()
        assert 0.3 < peak < 1.0


def test_parts_that_are_not_the_whole_are_not_used(file, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(piper_voice, "CONTEXT", 2)
    made = Voice(piper, file, 1.0, None)
    made.warm_up()
    assert "speaks whole sentences: what it makes in parts is not the same" in caplog.text
    assert len(list(made.speak(TEXT))) == 1


def test_a_voice_that_can_not_be_divided_speaks_whole_sentences(file, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(piper_voice, "DECODER", "/vocoder/")
    made = Voice(piper, file, 1.0, None)
    made.warm_up()
    assert "speaks whole sentences: no node of it is called /vocoder/" in caplog.text
    (audio,) = made.speak(TEXT)
    assert len(audio) > 22_050


# --- dividing a graph


def save(folder, nodes, inputs=("text",), outputs=("audio",)):
    """A model of these nodes: (name, kind, inputs, outputs). "weight" is 2."""

    def tensors(names):
        return [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1, "n"]) for name in names]

    made = [onnx.helper.make_node(kind, list(ins), list(outs), name=name) for name, kind, ins, outs in nodes]
    two = onnx.numpy_helper.from_array(np.array([2.0], dtype=np.float32), "weight")
    graph = onnx.helper.make_graph(made, "voice", tensors(inputs), tensors(outputs), [two])
    opset = [onnx.helper.make_opsetid("", 15)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), str(folder / "voice.onnx"))
    return folder / "voice.onnx"


def run(model, inputs):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def test_the_halves_one_after_the_other_are_the_model(tmp_path):
    nodes = [
        ("/enc/0", "Mul", ["text", "weight"], ["a"]),
        ("/speaker", "Neg", ["text"], ["b"]),
        ("/dec/0", "Mul", ["a", "weight"], ["c"]),
        ("/dec/1", "Add", ["c", "b"], ["d"]),
        ("/last", "Neg", ["d"], ["audio"]),
    ]
    file = save(tmp_path, nodes)
    halves = divide(file, "/dec/")
    assert halves.between == ("a", "b")
    text = np.array([[[1.0, -3.0]]], dtype=np.float32)
    between = run(halves.first, {"text": text})
    assert np.array_equal(run(halves.second, dict(zip(halves.between, between, strict=True)))[0], -(4 * text - text))
    assert np.array_equal(run(str(file), {"text": text})[0], -(4 * text - text))


def test_other_outputs_of_the_first_half_are_left_out(tmp_path):
    nodes = [("/enc", "Neg", ["text"], ["a"]), ("/dec/0", "Neg", ["a"], ["audio"]), ("/w", "Neg", ["a"], ["lengths"])]
    halves = divide(save(tmp_path, nodes, outputs=("audio", "lengths")), "/dec/0")
    assert halves.between == ("a",)
    assert len(run(halves.first, {"text": np.ones((1, 1, 2), dtype=np.float32)})) == 1


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([("/enc", "Neg", ["text"], ["audio"])], "no node of it is called /dec/"),
        ([("/dec/0", "Neg", ["text"], ["audio"])], "reads the model's inputs itself"),
        (
            [("/enc", "Neg", ["text"], ["a"]), ("/dec/0", "Add", ["a", "text"], ["audio"])],
            "reads the model's inputs itself",
        ),
    ],
)
def test_a_graph_that_can_not_be_divided_is_refused(tmp_path, nodes, reason):
    with pytest.raises(NotDivisible, match=reason):
        divide(save(tmp_path, nodes), "/dec/")


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "voice.onnx").write_bytes(b"no model at all")
    with pytest.raises(NotDivisible, match=r"voice\.onnx is no ONNX model"):
        divide(tmp_path / "voice.onnx", "/dec/")


def test_without_the_package_that_divides_it_is_said(file, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(NotDivisible, match=r"requirements-piper\.txt"):
        divide(file, "/dec/")
