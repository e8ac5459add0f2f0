"""The forward pass of our own for Llama's architecture: it gives the logits that Transformers' gives."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, DynamicCache

from handlers.language_model import llama_step
from handlers.language_model.llama_step import BLOCK, KeyValueBuffers, LlamaStep, install_llama_step
from handlers.language_model.quantization import quantize_linears
from tests.lm_checkpoint import build_checkpoint

LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
VARIANTS = {
    "grouped": {},
    "one key head": {"num_key_value_heads": 1},
    "no groups": {"num_key_value_heads": 4},
    "head size": {"head_dim": 16},
    "linear": {"rope_scaling": {"rope_type": "linear", "factor": 2.0}},
    "llama3": {"rope_scaling": LLAMA3, "rope_theta": 500_000.0},
    "tied": {"tie_word_embeddings": True},
}
IDS = torch.randint(3, 1_000, (40,), generator=torch.Generator().manual_seed(0))


def model_of(folder, **changes):
    changes.setdefault("initializer_range", 0.2)  # so that attention is not the same everywhere
    return AutoModelForCausalLM.from_pretrained(build_checkpoint(folder, "llama", **changes)).eval()


def in_parts(step, cache, ids, *lengths) -> torch.Tensor:
    return torch.cat([step.logits(part, cache, 0) for part in ids.split(lengths)])


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_the_logits_are_transformers(tmp_path, changes):
    model = model_of(tmp_path, **changes)
    with torch.inference_mode():
        expected = model(IDS[None]).logits[0]
        step = LlamaStep(model)
        torch.testing.assert_close(in_parts(step, KeyValueBuffers(), IDS, 40), expected, atol=1e-3, rtol=1e-3)
        got = in_parts(step, KeyValueBuffers(), IDS, 20, 1, 1, 7, *[1] * 11)
        torch.testing.assert_close(got, expected, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(model(IDS[None]).logits[0], expected)  # Transformers' own pass goes on working


def test_a_cropped_cache_goes_on_where_it_was_cropped(tmp_path):
    model = model_of(tmp_path)
    with torch.inference_mode():
        step, cache = LlamaStep(model), KeyValueBuffers()
        expected = in_parts(step, KeyValueBuffers(), IDS, 40)[-10:]
        in_parts(step, cache, torch.cat((IDS[:30], IDS[:9])), 39)
        cache.crop(-9)
        assert cache.get_seq_length() == 30
        torch.testing.assert_close(in_parts(step, cache, IDS[30:], 1, 9), expected, atol=1e-4, rtol=1e-4)


def test_buffers_and_tables_grow(tmp_path):
    model = model_of(tmp_path, max_position_embeddings=2 * BLOCK)
    ids = IDS.repeat(BLOCK // 40 + 1)
    with torch.inference_mode():
        expected = model(ids[None]).logits[0]
        got = in_parts(LlamaStep(model), KeyValueBuffers(), ids, BLOCK - 1, *[1] * (len(ids) - BLOCK + 1))
    torch.testing.assert_close(got, expected, atol=1e-3, rtol=1e-3)


def test_a_pass_that_breaks_off_leaves_nothing_behind(tmp_path, monkeypatch):
    model = model_of(tmp_path)
    with torch.inference_mode():
        step, cache = LlamaStep(model), KeyValueBuffers()
        expected = in_parts(step, KeyValueBuffers(), IDS, 40)
        step.logits(IDS[:30], cache, 0)
        mlp, broken = step._layers[1], (*step._layers[1][:5], lambda x: 1 / 0)
        step._layers[1] = broken
        with pytest.raises(ZeroDivisionError):
            step.logits(IDS[3:9], cache, 0)
        step._layers[1] = mlp
        assert cache.get_seq_length() == 30
        torch.testing.assert_close(step.logits(IDS[30:], cache, 0), expected[30:], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_quantized_layers_give_what_they_give_in_transformers(tmp_path, kind):
    model = model_of(tmp_path, hidden_size=64, intermediate_size=128, num_key_value_heads=4)
    with torch.inference_mode():
        quantize_linears(model, kind, "cpu")
        usual, cache, step = DynamicCache(), KeyValueBuffers(), LlamaStep(model)
        for part in IDS.split((8, 1, 1, 3, 27)):
            expected = model(part[None], cache=usual).logits[0]
            got = step.logits(part, cache, 0)
            assert (got - expected).norm() < 0.05 * expected.norm()


def test_only_its_own_caches_take_the_short_way(tmp_path):
    model = model_of(tmp_path)
    with torch.inference_mode():
        expected = model(IDS[None]).logits
        assert install_llama_step(model, "cpu")
        torch.testing.assert_close(model(IDS[None]).logits, expected)
        short = model(input_ids=IDS[None], cache=KeyValueBuffers(), logits_to_keep=1).logits
    torch.testing.assert_close(short, expected[:, -1:], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("sampled", [{}, {"do_sample": True, "top_k": 20, "temperature": 0.8}])
def test_transformers_generate_takes_the_short_way(tmp_path, sampled):
    model = model_of(tmp_path)
    options = {"max_new_tokens": 20, "attention_mask": torch.ones(1, 40, dtype=torch.long), **sampled}
    torch.manual_seed(0)
    expected = model.generate(IDS[None], **options)
    assert install_llama_step(model, "cpu")
    torch.manual_seed(0)
    with torch.inference_mode():
        got = model.generate(IDS[None], cache=(cache := KeyValueBuffers()), **options)
    assert torch.equal(got, expected)
    assert cache.get_seq_length() == got.shape[1] - 1


@pytest.mark.parametrize(
    "changes",
    [
        {"attention_bias": True},
        {"mlp_bias": True},
        {"hidden_act": "gelu"},
        {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}},
    ],
)
def test_what_it_does_not_know_takes_the_usual_way(tmp_path, changes):
    model = model_of(tmp_path, **changes)
    usual = model.forward
    assert not install_llama_step(model, "cpu")
    assert model.forward == usual


def test_other_devices_and_types_take_the_usual_way(tmp_path):
    assert not install_llama_step(model_of(tmp_path), "cuda")
    phi = AutoModelForCausalLM.from_pretrained(build_checkpoint(tmp_path / "phi", "phi3"))
    assert not install_llama_step(phi, "cpu")


def test_a_pass_that_differs_is_not_taken(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(LlamaStep, "_attention", lambda self, queries, *rest: queries.transpose(0, 1).flatten(1))
    assert not install_llama_step(model_of(tmp_path), "cpu")
    assert "differs by" in caplog.text


def test_it_is_compared_on_tokens_that_the_model_has(tmp_path):
    model = model_of(tmp_path, vocab_size=6, bos_token_id=0, eos_token_id=1, pad_token_id=1)
    assert max(llama_step.PROBE) > 6
    assert install_llama_step(model, "cpu")
