"""Tests of handlers/parler/handler.py with checkpoints and options of many kinds."""

from __future__ import annotations

import json
import logging
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from handlers.parler.handler import ParlerTTSHandler
from tests.parler_checkpoint import DELAY, EOS, HOP, SHORT_FRAMES, SHORT_STEPS, build, steps_of


def changed(folder, copy, name, **values):
    """A copy of the checkpoint with these values in one of its JSON files."""
    shutil.copytree(folder, copy)
    config = json.loads((copy / name).read_text())
    for key, value in values.items():
        *parents, last = key.split("__")
        place = config
        for parent in parents:
            place = place[parent]
        place[last] = value
    (copy / name).write_text(json.dumps(config))
    return copy


@pytest.fixture(scope="module")
def silent_checkpoint(tmp_path_factory):
    """A voice that ends as soon as it may."""
    return build(tmp_path_factory.mktemp("silent"), favourite=EOS)


def test_a_voice_that_ends_at_once_makes_one_empty_message(load_parler, open_stage, silent_checkpoint):
    engine = load_parler(silent_checkpoint, gen_kwargs={"max_new_tokens": 2580})
    for [message] in open_stage(ParlerTTSHandler, engine).reply("One.", "Two."):
        assert len(message.samples) == 0


@pytest.mark.parametrize("frames", range(9))
def test_a_voice_that_ends_early_makes_whole_frames(load_parler, speak, silent_checkpoint, frames):
    engine = load_parler(silent_checkpoint, gen_kwargs={"min_new_tokens": frames, "max_new_tokens": 2580})
    assert len(speak(engine)) == frames * HOP


def test_an_option_that_is_none_leaves_the_checkpoints_own(load_parler, speak, silent_checkpoint, tmp_path):
    folder = changed(silent_checkpoint, tmp_path / "copy", "generation_config.json", min_new_tokens=5)
    engine = load_parler(folder, gen_kwargs={"min_new_tokens": None, "temperature": None, "max_new_tokens": 2580})
    assert len(speak(engine)) == 5 * HOP


@pytest.mark.parametrize(("dtype", "codec"), [("float16", torch.float16), ("bfloat16", torch.float32)])
def test_half_precision_speaks(load_parler, speak, dtype, codec):
    engine = load_parler(torch_dtype=dtype)
    model = engine.speech.checkpoint.model
    assert {weight.dtype for weight in model.decoder.parameters()} == {getattr(torch, dtype)}
    assert {weight.dtype for weight in model.audio_encoder.parameters()} == {codec}
    audio = speak(engine)
    assert len(audio) == SHORT_FRAMES * HOP
    assert 1_000 < np.std(audio) < 20_000


def test_ids_that_are_no_codes_are_never_given_out(load_parler, speak, tmp_path):
    engine = load_parler(build(tmp_path, vocab_size=1088, favourite=1050))
    assert len(speak(engine)) == SHORT_FRAMES * HOP


@pytest.mark.parametrize(
    ("options", "steps_made"),
    [
        ({"max_new_tokens": 40, "min_new_tokens": 90}, 40),
        ({"max_new_tokens": 10}, 10),
        ({"max_new_tokens": 40, "min_new_tokens": 40, "temperature": None, "top_k": 5}, 40),
    ],
)
def test_the_length_is_limited(load_parler, speak, options, steps_made):
    assert len(speak(load_parler(gen_kwargs=options))) == (steps_made - DELAY) * HOP


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"do_sample": False}])
def test_greedy_speech_is_always_the_same(load_parler, speak, options):
    engine = load_parler(gen_kwargs=steps_of(SHORT_STEPS) | options)
    first = speak(engine)
    again = np.concatenate(list(engine.stream("Hello there.", lambda: True)))
    # How long the chunks are depends on the time that they take, and the last bit of a sample on where a chunk begins.
    assert len(again) == len(first)
    assert np.abs(again.astype(int) - first).max() <= 1


def test_the_description_and_the_text_shape_the_voice(load_parler, speak):
    engine = load_parler()
    first = speak(engine)
    assert np.array_equal(first, speak(engine))
    assert not np.array_equal(first, speak(engine, text="Good bye now."))
    assert not np.array_equal(first, speak(load_parler(description="A hoarse old man shouts.")))


def test_another_codec_rate_becomes_44100(load_parler, speak, tmp_path):
    audio = speak(load_parler(build(tmp_path, sampling_rate=22_050)))
    assert abs(len(audio) - 2 * SHORT_FRAMES * HOP) <= 2
    assert np.std(audio) > 1_000


@pytest.mark.parametrize(
    "architecture",
    [
        {"prompt_cross_attention": True},
        {"rope_embeddings": True},
        {"num_key_value_heads": 2, "num_cross_attention_key_value_heads": 1},
        {"use_fused_lm_heads": True},
    ],
    ids=lambda architecture: next(iter(architecture)),
)
def test_every_architecture_of_the_library_speaks(load_parler, speak, tmp_path, architecture):
    assert len(speak(load_parler(build(tmp_path, **architecture)))) == SHORT_FRAMES * HOP


def test_the_description_is_read_with_the_text_encoders_own_tokenizer(load_parler, parler_checkpoint, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    for file in parler_checkpoint.glob("token*"):
        shutil.copy(file, own)
    vocabulary = json.loads((own / "tokenizer.json").read_text())
    symbols = vocabulary["model"]["vocab"]
    symbols["A"], symbols["B"] = symbols["B"], symbols["A"]
    (own / "tokenizer.json").write_text(json.dumps(vocabulary))
    folder = changed(parler_checkpoint, tmp_path / "copy", "config.json", text_encoder___name_or_path=str(own))
    assert load_parler(folder).speech.checkpoint.read_description("A").tolist() == [symbols["A"], 1]


@pytest.mark.parametrize("name", ["/trained/somewhere/else", "not/there"])
def test_a_text_encoder_whose_tokenizer_is_not_at_hand(
    load_parler, parler_checkpoint, tmp_path, caplog, monkeypatch, name
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = changed(parler_checkpoint, tmp_path / "copy", "config.json", text_encoder___name_or_path=name)
    engine = load_parler(folder)
    assert [record.levelno for record in caplog.records if name in record.getMessage()] == [logging.WARNING]
    assert len(engine.speech.checkpoint.read_description("A calm voice.")) == len("A calm voice.") + 1


def test_a_tokenizer_that_does_not_fit_is_refused(load_parler, parler_checkpoint, tmp_path):
    folder = shutil.copytree(parler_checkpoint, tmp_path / "copy")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"<{number}>" for number in range(100)])
    tokenizer.save_pretrained(folder)
    with pytest.raises(ValueError, match="does not fit its text encoder"):
        load_parler(folder, description="A <99> voice.")
