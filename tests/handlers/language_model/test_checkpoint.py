"""Loading the weights of text models, and of models that also see."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

from handlers.language_model.checkpoint import load_model
from tests.lm_checkpoint import build_checkpoint
from tests.lm_families import FAMILIES, MORE, Family

SEE = {
    "sees, its text part is a model": "Qwen3_5ForCausalLM",
    "sees, in parts": "Gemma3ForConditionalGeneration",
    "sees, no text part": "Mistral3ForConditionalGeneration",
}


def built(folder, family: Family):
    return build_checkpoint(folder, family.model_type, family.template, **family.config)


@pytest.mark.parametrize("name", SEE)
def test_of_a_model_that_sees_the_text_part_answers(name, tmp_path):
    folder = built(tmp_path, MORE[name])
    whole = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    model = load_model(str(folder), torch.float32, "cpu", False)
    assert type(model).__name__ == SEE[name]
    ids = torch.arange(3, 12)[None]
    with torch.inference_mode():
        torch.testing.assert_close(model(input_ids=ids).logits, whole(input_ids=ids).logits)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_number_format_is_the_one_asked_for(dtype, tmp_path):
    """Left to itself, Transformers 5 takes the checkpoint's."""
    model = load_model(str(built(tmp_path, FAMILIES["llama"])), dtype, "cpu", False)
    assert {weight.dtype for weight in model.parameters()} == {dtype}
    assert not model.training


def test_a_checkpoint_does_not_choose_the_cache(tmp_path):
    """Gemma's say "hybrid"; the engine gives its own, and `generate` takes one or the other."""
    folder = built(tmp_path, FAMILIES["gemma2"])
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**settings, "cache_implementation": "hybrid"}))
    assert load_model(str(folder), torch.float32, "cpu", False).generation_config.cache_implementation is None


def test_code_in_the_repository_is_run_for_those_trusted(tmp_path, monkeypatch, tmp_path_factory):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path_factory.mktemp("code")))
    folder = built(tmp_path, FAMILIES["llama"])
    (folder / "mine.py").write_text(
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        "class MyConfig(LlamaConfig):\n    model_type = 'mine'\n"
        "class MyModel(LlamaForCausalLM):\n    config_class = MyConfig\n"
    )
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "mine",
        "auto_map": {"AutoConfig": "mine.MyConfig", "AutoModelForCausalLM": "mine.MyModel"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    assert type(load_model(str(folder), torch.float32, "cpu", True)).__name__ == "MyModel"
    with pytest.raises(ValueError, match="trust_remote_code"):
        load_model(str(folder), torch.float32, "cpu", False)


def test_a_plain_model_is_what_transformers_loads(tmp_path):
    folder = built(tmp_path, FAMILIES["qwen2"])
    expected = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
    got = load_model(str(folder), torch.float32, "cpu", False).state_dict()
    assert expected.keys() == got.keys()
    assert all(torch.equal(expected[name], got[name]) for name in got)
