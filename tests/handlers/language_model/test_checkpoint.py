"""How the weights of a language model are loaded."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from handlers.language_model.checkpoint import load_model
from tests import chat_templates as templates
from tests.lm_checkpoint import build_checkpoint
from utils.models.load_errors import UnusableModel, load_error


@pytest.fixture
def folder(tmp_path):
    return str(build_checkpoint(tmp_path, "llama", templates.LLAMA3))


def load(folder: str, quantize: str | None, device: str = "cpu"):
    return load_model(folder, torch.float32, device, False, quantize)


def test_int8_changes_the_weights_and_little_of_what_they_say(folder):
    ids = torch.arange(8)[None]
    with torch.inference_mode():
        plain, quantized = load(folder, None), load(folder, "int8")
        expected, got = plain(ids).logits, quantized(ids).logits
    kinds = {
        type(layer.weight).__name__ for layer in quantized.model.layers[0].mlp.children() if hasattr(layer, "weight")
    }
    assert kinds == {"Int8Tensor"}
    assert 0 < torch.linalg.vector_norm(got - expected) < 0.05 * torch.linalg.vector_norm(expected)


def test_elsewhere_the_model_runs_unquantized_with_a_line(folder, caplog):
    assert type(load(folder, "int8", "meta").lm_head.weight) is torch.nn.Parameter
    assert caplog.messages == ["--lm_quantize int8 is for a CPU: on meta the model runs unquantized"]


def test_a_missing_package_is_named(folder, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnusableModel) as error:
        load(folder, "int8")
    line = str(load_error("lm", folder, error.value))
    assert line.endswith("can't be loaded: --lm_quantize int8 needs the package torchao: pip install torchao==0.18.0")
