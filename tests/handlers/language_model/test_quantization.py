"""Quantized linear layers: how near they come, which layers are replaced, and where nothing is."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from handlers.language_model import quantization
from handlers.language_model.quantization import GROUP, Int4Linear, Int8Linear, fuse, quantize_linears
from tests.lm_checkpoint import build_checkpoint

SIZES = {"hidden_size": 64, "intermediate_size": 128, "num_key_value_heads": 4}


def error(layer: nn.Module, weight: torch.Tensor, rows: int) -> float:
    """|error| ÷ |weights|, of the weights as `rows` rows at a time meet them."""
    identity = torch.eye(weight.shape[1])
    with torch.inference_mode():
        met = torch.cat([layer(part) for part in identity.split(rows)]).T
    return float((met - weight).norm() / weight.norm())


def random_weight() -> torch.Tensor:
    return torch.randn(128, 96, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("rows", [1, 3, 16, 17, 32])
@pytest.mark.parametrize(
    ("make", "most"),
    [
        (Int8Linear, 0.012),
        (Int4Linear, 0.1),
        (lambda weight: Int4Linear(weight, eight_bits=True), 0.01),
    ],
)
def test_the_product_is_near(make, most, rows):
    weight = random_weight()
    assert error(make(weight), weight, rows) < most


def test_weights_of_four_bits_are_met():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 16, (64, 3, GROUP), generator=generator)
    codes[..., 0], codes[..., 1] = 0, 15
    scale, zero = torch.rand(2, 64, 3, 1, generator=generator)
    weight = (codes * scale - zero).flatten(1)
    assert error(Int4Linear(weight), weight, 1) < 0.004


def test_weights_of_eight_bits_are_met():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(-127, 128, (64, 3, GROUP), generator=generator)
    codes[..., 0] = 127
    weight = (codes * torch.rand(64, 3, 1, generator=generator)).flatten(1)
    assert error(Int4Linear(weight, eight_bits=True), weight, 1) < 0.004


@pytest.mark.parametrize("make", [Int8Linear, Int4Linear, lambda weight: Int4Linear(weight, eight_bits=True)])
def test_weights_of_zero_stay(make):
    layer = make(torch.zeros(64, 64))
    assert not layer(torch.ones(1, 64)).any()
    assert not layer(torch.ones(20, 64)).any()


@pytest.mark.parametrize("make", [Int8Linear, Int4Linear])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(96,), (1, 1, 96), (2, 10, 96)])
def test_shape_and_type_of_the_input_stay(make, dtype, shape):
    made = make(random_weight().to(dtype))(torch.ones(shape, dtype=dtype))
    assert (made.shape, made.dtype) == ((*shape[:-1], 128), dtype)


def dense(weight: torch.Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data = weight.clone()
    return layer


@pytest.mark.parametrize("make", [dense, Int8Linear, Int4Linear])
def test_fused_layers_give_what_they_gave_on_the_same_memory(make):
    weights = [random_weight(), random_weight()[:64] * 2]
    layers = [make(weight) for weight in weights]
    with torch.inference_mode():
        for rows in (1, 20):
            x = torch.randn(rows, 96)
            expected = torch.cat([layer(x) for layer in layers], -1)
            fused = fuse(layers)
            torch.testing.assert_close(fused(x), expected)
            torch.testing.assert_close(torch.cat([layer(x) for layer in layers], -1), expected)
    largest = max([*fused.parameters(), *fused.buffers()], key=lambda tensor: tensor.numel())
    shared = largest.untyped_storage().data_ptr()
    assert shared in {t.untyped_storage().data_ptr() for t in [*layers[0].parameters(), *layers[0].buffers()]}


def test_what_can_not_be_fused():
    assert fuse([nn.Linear(4, 4), nn.Linear(4, 4)]) is None
    assert fuse([nn.Linear(4, 4, bias=False), Int8Linear(random_weight())]) is None
    assert fuse([nn.LayerNorm(4)]) is None


@pytest.mark.parametrize(("kind", "made"), [("int8", Int8Linear), ("int4", Int4Linear)])
def test_linear_layers_are_replaced_and_embeddings_stay(tmp_path, kind, made):
    model = AutoModelForCausalLM.from_pretrained(build_checkpoint(tmp_path, "llama", tie_word_embeddings=True, **SIZES))
    embeddings = model.get_input_embeddings().weight.clone()
    ids = torch.arange(3, 9)[None]
    with torch.inference_mode():
        expected = model(ids).logits
        assert quantize_linears(model, kind, "cpu")
        got = model(ids).logits
    assert torch.equal(model.get_input_embeddings().weight, embeddings)
    assert not [layer for layer in model.modules() if type(layer) is nn.Linear]
    assert sum(type(layer) is made for layer in model.modules()) == 2 * 7 + 1
    assert (got - expected).norm() < 0.1 * expected.norm()


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_layers_with_a_bias_or_odd_sizes_stay(kind):
    model = _Model(nn.Linear(64, 64), nn.Linear(33, 64, bias=False), nn.Linear(64, 10, bias=False))
    before = list(model.children())
    assert quantize_linears(model, kind, "cpu")
    assert list(model.children()) == before


@pytest.mark.parametrize(("device", "line"), [("cuda", "on cuda the model runs"), ("mps", "on mps the model runs")])
def test_other_devices_run_unquantized(device, line, caplog):
    model = _Model(nn.Linear(64, 64, bias=False))
    assert not quantize_linears(model, "int4", device)
    assert [line in record.message for record in caplog.records] == [True]
    assert type(model[0]) is nn.Linear


def test_a_torch_without_the_kernel_runs_unquantized(monkeypatch, caplog):
    def missing(*arguments):
        raise NotImplementedError

    monkeypatch.setattr(quantization.torch, "_weight_int8pack_mm", missing)
    model = _Model(nn.Linear(64, 64, bias=False))
    assert not quantize_linears(model, "int8", "cpu")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "--lm_quantize int8" in caplog.text


def test_a_processor_without_the_kernel_runs_unquantized(monkeypatch, caplog):
    monkeypatch.setattr(quantization.torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    assert not quantize_linears(_Model(nn.Linear(64, 64, bias=False)), "int4", "cpu")
    assert "--lm_quantize int4" in caplog.text


def test_nothing_is_done_unasked():
    model = _Model(nn.Linear(64, 64, bias=False))
    assert not quantize_linears(model, None, "cpu")
    assert type(model[0]) is nn.Linear


class _Model(nn.Sequential):
    def get_output_embeddings(self):
        return None
