"""Checkpoint folders as different versions and fine-tuners leave them, and what is refused in one line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from handlers.whisper.checkpoint import UnusableCheckpoint, load_checkpoint
from handlers.whisper.options import UnknownLanguage
from tests.whisper_checkpoint import BASE, PUBLISHED, TINY_EN, build
from utils.models.bundled import resolve_model
from utils.models.load_errors import load_error

OLD, TURBO = PUBLISHED["old-fine-tune"], PUBLISHED["large-v3-turbo"]
TEXT = [464, 3139, 286, 4881]  # tokens: "The capital of France", but for its first letter's case


def load(folder):
    return load_checkpoint(str(folder), torch.float32, "cpu")


def settings(folder, name="generation_config.json"):
    return json.loads((folder / name).read_text("utf-8"))


def write(folder, name, content):
    (folder / name).write_text(json.dumps(content), "utf-8")


@pytest.mark.parametrize(("published", "bins"), [(TINY_EN, 80), (TURBO, 128)], ids=["tiny.en", "turbo"])
def test_the_features_have_as_many_bins_as_the_model(tmp_path, published, bins):
    """Also where preprocessor_config.json is another checkpoint's."""
    folder = build(tmp_path, published)
    write(folder, "preprocessor_config.json", {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80})
    checkpoint = load(folder)
    audio = np.zeros(16_000, dtype=np.float32)
    assert checkpoint.features(audio).shape == (1, bins, 3000)
    assert checkpoint.features(audio, 8.0).shape == (1, bins, 800)
    assert checkpoint.model.model.encoder(checkpoint.features(audio)).last_hidden_state.shape[1] == 1500


def test_a_folder_saved_by_todays_transformers_is_read(tmp_path):
    """It has no preprocessor_config.json, but a processor_config.json."""
    before = build(tmp_path, PUBLISHED["tiny.en"])
    after = tmp_path / "saved"
    WhisperForConditionalGeneration.from_pretrained(before).save_pretrained(after)
    WhisperProcessor.from_pretrained(before).save_pretrained(after)
    assert (after / "processor_config.json").exists()
    assert not (after / "preprocessor_config.json").exists()
    old, new = load(before), load(after)
    assert new.model.generation_config.to_diff_dict() == old.model.generation_config.to_diff_dict()
    assert new.no_speech == old.no_speech == 50_361
    assert new.text(TEXT) == old.text(TEXT) == "The capital of France"


def test_a_tokenizer_without_tokenizer_json_is_read(tmp_path):
    """As slow tokenizers were saved in 2022: words, merges and added tokens in files of their own."""
    folder = build(tmp_path, PUBLISHED["base"])
    made, expected = settings(folder, "tokenizer.json"), load(folder)
    (folder / "tokenizer.json").unlink()
    write(folder, "vocab.json", made["model"]["vocab"])
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in made["model"]["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), "utf-8")
    control = BASE.control()
    write(folder, "added_tokens.json", {token: number for token, number in control.items() if token != "<|endoftext|>"})
    special = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), "<|endoftext|>")
    write(folder, "special_tokens_map.json", {**special, "additional_special_tokens": list(control)})
    write(folder, "tokenizer_config.json", {"tokenizer_class": "WhisperTokenizer", **special})
    loaded = load(folder)
    stamp = control["<|notimestamps|>"] + 51
    said = [control["<|startoftranscript|>"], control["<|de|>"], stamp, *TEXT, stamp + 1, control["<|endoftext|>"]]
    assert loaded.text(said) == expected.text(said) == "The capital of France"
    assert (
        loaded.tokenizer("Dr. Smith\u2019s 3.50 \u20ac").input_ids[-9:]
        == (expected.tokenizer("Dr. Smith\u2019s 3.50 \u20ac").input_ids[-9:])
    )


def test_what_an_old_generation_config_lacks_is_found_in_the_tokenizer(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old = load(build(tmp_path / "old", OLD)).model.generation_config
    new = load(build(tmp_path / "new", PUBLISHED["base"])).model.generation_config
    for name in ("is_multilingual", "lang_to_id", "task_to_id", "no_timestamps_token_id", "suppress_tokens"):
        assert getattr(old, name) == getattr(new, name), name
    assert old.lang_to_id["<|de|>"] == 50_261
    assert old.task_to_id == {"transcribe": 50_359, "translate": 50_358}


def test_a_checkpoint_without_a_generation_config_is_completed(tmp_path):
    """What it says about the text is in config.json then, as before 2023."""
    folder = build(tmp_path, OLD)
    (folder / "generation_config.json").unlink()
    config = settings(folder, "config.json")
    suppressed = {"suppress_tokens": [1, 2, 7], "forced_decoder_ids": [[1, 50_259], [2, 50_359], [3, 50_363]]}
    write(folder, "config.json", {**config, **suppressed, "max_length": 448, "torch_dtype": "float32"})
    checkpoint = load(folder)
    generation = checkpoint.model.generation_config
    assert generation.suppress_tokens == [1, 2, 7]
    assert generation.begin_suppress_tokens == [220, 50_257]
    assert generation.forced_decoder_ids is None
    assert len(generation.lang_to_id) == 99
    assert checkpoint.no_speech == 50_362


def test_english_is_told_by_the_vocabulary(tmp_path):
    generation = load(build(tmp_path, replace(OLD, vocabulary=TINY_EN.vocabulary))).model.generation_config
    assert generation.is_multilingual is False
    assert generation.no_timestamps_token_id == 50_362


@pytest.mark.parametrize("lost", ["tokenizer.json", ("tokenizer.json", "tokenizer_config.json")], ids=str)
def test_a_checkpoint_without_a_tokenizer_is_refused(tmp_path, lost):
    folder = build(tmp_path, TINY_EN)
    for name in [lost] if isinstance(lost, str) else lost:
        (folder / name).unlink()
    with pytest.raises(UnusableCheckpoint, match="it has no tokenizer, or another model's: "):
        load(folder)


def test_another_checkpoints_tokenizer_is_refused(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one, other = build(tmp_path / "one", TINY_EN), build(tmp_path / "other", BASE)
    (one / "tokenizer.json").write_bytes((other / "tokenizer.json").read_bytes())
    (one / "tokenizer_config.json").write_bytes((other / "tokenizer_config.json").read_bytes())
    with pytest.raises(UnusableCheckpoint, match="another model's"):
        load(one)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("wav2vec2", "it is no Whisper checkpoint: its config.json says wav2vec2"),
        (None, "its config.json has no model_type"),
    ],
)
def test_another_kind_of_model_is_refused_before_its_weights_are_read(tmp_path, kind, said):
    folder = build(tmp_path, TINY_EN)
    config = {key: value for key, value in settings(folder, "config.json").items() if key != "model_type"}
    write(folder, "config.json", config | ({"model_type": kind} if kind else {}))
    (folder / "model.safetensors").unlink()
    with pytest.raises(UnusableCheckpoint, match=said):
        load(folder)


def test_a_window_that_is_not_30_s_is_refused(tmp_path):
    folder = build(tmp_path, TINY_EN)
    model = WhisperForConditionalGeneration.from_pretrained(folder)
    model.config.max_source_positions = 750
    model.model.encoder.embed_positions = torch.nn.Embedding(750, model.config.d_model)
    model.save_pretrained(folder)
    with pytest.raises(UnusableCheckpoint, match="it hears 15 s at once, and Whisper 30"):
        load(folder)


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors", "tokenizer.json"])
def test_whatever_is_missing_is_one_line_for_the_user(tmp_path, lost):
    folder = build(tmp_path, TINY_EN)
    (folder / lost).unlink()
    with pytest.raises((OSError, ValueError)) as refused:
        load(folder)
    line = str(load_error("stt", str(folder), refused.value))
    assert line.startswith(f"--stt_model_name {folder} can't be loaded: ")
    assert "\n" not in line
    assert lost.split(".")[0] in line


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"adapter_config.json": {"base_model_name_or_path": "openai/whisper-small"}, "tokenizer.json": {}},
            "it is a LoRA adapter of openai/whisper-small: merge it into that model, and give the merged folder",
        ),
        ({"config.json": {"alignment_heads": []}, "model.bin": {}}, "it is a model of CTranslate2 (faster-whisper)"),
        ({"model-q4.gguf": {}}, "it is a folder of GGUF: a Whisper checkpoint in Transformers' format is needed"),
    ],
)
def test_what_is_no_checkpoint_of_transformers_is_named_for_what_it_is(tmp_path, files, said):
    for name, content in files.items():
        write(tmp_path, name, content)
    with pytest.raises((OSError, ValueError)) as refused:
        load(tmp_path)
    line = str(load_error("stt", str(tmp_path), refused.value))
    assert line.startswith(f"--stt_model_name {tmp_path} can't be loaded: {said}")


def test_reasons_of_our_own_are_said_without_a_class_name():
    for error in (UnusableCheckpoint("it hears 15 s"), UnknownLanguage("it hears 15 s")):
        assert str(load_error("stt", "a/b", error)) == "--stt_model_name a/b can't be loaded: it hears 15 s"


def test_loading_draws_no_bar(capfd):
    load(resolve_model("bundled:whisper-tiny.en"))
    assert "Loading weights" not in capfd.readouterr().err
