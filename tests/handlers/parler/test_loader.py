"""A checkpoint is loaded whoever wrote its files and however, and one that lacks something is refused by name."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import EncodecConfig, EncodecModel

from benchmarks.parler_configs import TINY
from benchmarks.parler_models import random_model
from benchmarks.parler_reference.client import Case
from benchmarks.parler_writer import NEW_NORM, OLD_NORM, Form, write_checkpoint
from handlers.parler.checkpoint import Checkpoint
from handlers.parler.loader import load_model
from handlers.parler.speech import ParlerSpeech
from tests.handlers.parler.conftest import DESCRIPTION, TEXT
from tests.parler_checkpoint import build

LENGTH = {"max_new_tokens": 40, "min_new_tokens": 40}


def load(folder, dtype=torch.float32):
    return load_model(folder, dtype, dtype, "cpu")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(the model, a folder of it)"""
    torch.manual_seed(0)
    model = random_model(TINY)
    return model, write_checkpoint(model, TINY, tmp_path_factory.mktemp("written"))


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written[1], tmp_path / "copy")


def change_weights(folder, change):
    file = folder / "model.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file, metadata={"format": "pt"})


def change_config(folder, part, **values):
    config = json.loads((folder / "config.json").read_text())
    config[part] |= values
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("form", [Form(), Form(parts=3), Form(pickled=True), Form(pickled=True, parts=3)], ids=str)
def test_all_weights_are_those_of_the_model_that_was_written(written, tmp_path, form):
    model = written[0]
    loaded = load(write_checkpoint(model, TINY, tmp_path, form))
    expected = {name: value for name, value in model.state_dict().items() if ".encoder." not in name.partition(".")[2]}
    weights = loaded.state_dict()
    for name in weights:
        assert torch.equal(weights[name], model.state_dict()[name])
    assert {name for name in expected if not name.startswith("audio_encoder")} <= weights.keys()
    assert not any(name.startswith("audio_encoder.encoder") for name in weights)
    assert not loaded.training
    assert not any(weight.requires_grad for weight in loaded.parameters())


@pytest.mark.parametrize("norm", [None, OLD_NORM, NEW_NORM], ids=["plain", "old names", "new names"])
def test_a_codec_with_descripts_names_is_the_same_codec(written, tmp_path, norm):
    folder = write_checkpoint(written[0], replace(TINY, descript=True), tmp_path, Form(norm=norm))
    codec, expected = load(folder).audio_encoder, load(written[1]).audio_encoder
    for name, weight in expected.state_dict().items():
        torch.testing.assert_close(codec.state_dict()[name], weight)
    assert codec.config.sampling_rate == expected.config.sampling_rate


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_shard_size": "100KB"},
        {"safe_serialization": False},
        {"safe_serialization": False, "max_shard_size": "100KB"},
    ],
    ids=["safetensors", "in parts", "pickled", "pickled in parts"],
)
@pytest.mark.parametrize("structure", [TINY, replace(TINY, descript=True)], ids=["transformers", "descript"])
def test_what_the_library_writes_is_loaded(reference, tmp_path, structure, options):
    """Its own `save_pretrained`, in each form; and the codes are those of its `generate()`."""
    form = Form(norm=NEW_NORM) if structure.descript else None
    ours = build(tmp_path / "ours", structure=structure, restless=True, form=form)
    theirs = reference.save(ours, tmp_path / "theirs", **options)
    assert len(list(theirs.glob("*.index.json"))) == ("max_shard_size" in options)
    speech = ParlerSpeech(Checkpoint.load(str(theirs), torch.float32, "cpu"))
    [(codes, audio)] = reference.generate(ours, [Case(TEXT, DESCRIPTION, 1, LENGTH)])
    assert torch.equal(speech.codes(TEXT, DESCRIPTION, seed=1, **LENGTH), codes)
    torch.testing.assert_close(speech.audio(codes), audio, atol=1e-5, rtol=0)


def test_of_the_embeddings_that_are_one_either_name_will_do(copy, written):
    def rename(weights):
        weights["text_encoder.encoder.embed_tokens.weight"] = weights.pop("text_encoder.shared.weight")

    change_weights(copy, rename)
    expected = written[0].text_encoder.shared.weight
    encoder = load(copy).text_encoder
    assert torch.equal(encoder.shared.weight, expected)
    assert encoder.shared.weight.data_ptr() == encoder.encoder.embed_tokens.weight.data_ptr()


def test_positions_that_are_not_stored_are_computed(copy, written):
    name = "decoder.model.decoder.embed_positions.weights"
    change_weights(copy, lambda weights: weights.pop(name))
    assert torch.equal(load(copy).state_dict()[name], written[0].state_dict()[name])


def test_weights_that_nothing_uses_do_no_harm(copy, caplog):
    def add(weights):
        weights["text_encoder.lm_head.weight"] = torch.zeros(1)

    change_weights(copy, add)
    with caplog.at_level("DEBUG"):
        load(copy)
    assert "text_encoder.lm_head.weight" in caplog.text


@pytest.mark.parametrize(
    "name",
    [
        "decoder.model.decoder.layers.1.fc1.weight",
        "decoder.lm_heads.8.weight",
        "embed_prompts.weight",
        "text_encoder.shared.weight",
        "text_encoder.encoder.final_layer_norm.weight",
        "audio_encoder.decoder.block.3.conv_t1.bias",
        "audio_encoder.quantizer.quantizers.8.codebook.weight",
    ],
)
def test_a_weight_that_is_missing_is_named(copy, name):
    change_weights(copy, lambda weights: weights.pop(name))
    with pytest.raises(ValueError, match=f"lacks the weights .*{name}"):
        load(copy)


def test_many_that_are_missing_are_one_line(copy):
    change_config(copy, "decoder", num_hidden_layers=4)
    with pytest.raises(ValueError, match=r"lacks the weights decoder\.\S+, \S+, \S+ and 29 more"):
        load(copy)


def test_half_of_a_normed_weight_is_missing(written, tmp_path):
    folder = write_checkpoint(written[0], replace(TINY, descript=True), tmp_path, Form(norm=NEW_NORM))
    change_weights(folder, lambda weights: weights.pop(f"audio_encoder.model.decoder.model.6.{NEW_NORM[0]}"))
    with pytest.raises(ValueError, match=r"lacks the weights audio_encoder\.decoder\.conv2\.weight"):
        load(folder)


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("decoder", {"ffn_dim": 65}, r"fc1\.weight is \[64, 32\], by config\.json \[65, 32\]"),
        ("text_encoder", {"d_ff": 65}, r"is \[64, 32\], by config\.json \[65, 32\]"),
        ("audio_encoder", {"decoder_hidden_size": 64}, r"by config\.json"),
        ("audio_encoder", {"n_codebooks": 8}, "the codec has 8 codebooks, the decoder 9"),
        ("audio_encoder", {"codebook_size": 1000}, "codec is not supported"),
        ("text_encoder", {"model_type": "whisper"}, "Transformers has no text encoder of the model type 'whisper'"),
    ],
)
def test_weights_of_another_shape_than_the_configuration_says(copy, part, values, message):
    change_config(copy, part, **values)
    with pytest.raises(ValueError, match=message) as error:
        load(copy)
    assert "\n" not in str(error.value)


def test_prompts_of_another_width(copy):
    def narrow(weights):
        weights["embed_prompts.weight"] = torch.zeros(259, 16)

    change_weights(copy, narrow)
    with pytest.raises(ValueError, match=r"embed_prompts.weight is \[259, 16\], by config.json \[259, 32\]"):
        load(copy)


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")  # by Encodec's own code
def test_another_codec(copy):
    encodec = EncodecModel(EncodecConfig(num_filters=2, hidden_size=4, codebook_size=4, codebook_dim=4))

    def exchange(weights):
        for name in [name for name in weights if name.startswith("audio_encoder.")]:
            del weights[name]
        weights |= {f"audio_encoder.{name}": tensor.clone() for name, tensor in encodec.state_dict().items()}

    change_weights(copy, exchange)
    change_config(copy, "audio_encoder", model_type="encodec")
    with pytest.raises(ValueError, match="the checkpoint's codec 'encodec' is not supported; DAC is"):
        load(copy)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_weights_are_cast_as_they_are_read(copy, dtype):
    model = load_model(copy, dtype, torch.float32, "cpu")
    kinds = {name.partition(".")[0]: set() for name in model.state_dict()}
    for name, weight in model.state_dict().items():
        kinds[name.partition(".")[0]].add(weight.dtype)
    assert kinds.pop("audio_encoder") == {torch.float32}
    assert all(kind == {dtype} for kind in kinds.values())


@pytest.mark.parametrize("form", [Form(), Form(pickled=True)], ids=["safetensors", "pickled"])
def test_a_loaded_model_needs_its_files_no_longer(written, tmp_path, form):
    """They may be replaced while it speaks: what stands in memory is no view of them."""
    folder = write_checkpoint(written[0], TINY, tmp_path, form)
    model = load(folder)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    [file] = [*folder.glob("*.safetensors"), *folder.glob("*.bin")]
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.write(b"\xff" * size)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
