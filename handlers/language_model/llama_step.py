"""Llama's architecture without Transformers' layers: a forward pass of about 20 operations a layer, for one sequence.

A small model's step on a CPU is half Python. Here q, k and v are one product, gate and up another, rotary embeddings
are looked up, and keys and values are written into buffers instead of being copied at every token. Milliseconds a step
of SmolLM2-135M, after 36 tokens, at best:

    threads    layers of      bfloat16   int8   int4
    one        Transformers       46.1   27.2   20.6
    one        this file          38.6   25.4   16.0
    two        Transformers       35.5   20.8   16.5
    two        this file          26.0   15.7   11.6
"""

from __future__ import annotations

import functools
import logging
from typing import Any

import torch
from torch.nn import functional
from transformers.cache_utils import DynamicCache
from transformers.modeling_outputs import CausalLMOutputWithPast

from handlers.language_model.quantization import fuse

logger = logging.getLogger(__name__)

BLOCK = 256  # positions by which buffers and tables grow
LLAMA = ("transformers.models.llama.modeling_llama", "LlamaForCausalLM")  # named, so that others don't import it
KNOWN_ROTATIONS = ("default", "linear", "llama3")  # others change with the length of the text
PROBE = (1, 7, 3, 9, 5, 2, 8, 4)  # tokens on which both forward passes are compared
# |difference| ÷ |logits|. SmolLM2 in bfloat16: 0.05 between both ways, and 0.10 from either to float32; quantized up to
# 0.13; in float32 0.00005. A wrong pass gives about 1.
TOLERANCE = {torch.float32: 0.05, torch.float16: 0.25, torch.bfloat16: 0.25}


class KeyValueBuffers(DynamicCache):
    """Keys and values of one sequence in buffers that grow by blocks; cropping them copies nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._buffers: list[torch.Tensor] = []  # a layer: [2, heads, positions, head size], keys first
        self._length = 0

    @property
    def is_linear(self) -> list[bool]:
        """`generate` takes a cache without layers for linear attention, and then reads the whole prompt again."""
        return [False]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self._length

    def crop(self, tokens_to_remove: int) -> None:
        """Forget the last tokens. tokens_to_remove: how many, as a negative number; raises ValueError for others."""
        if tokens_to_remove > 0:
            raise ValueError(f"crop takes the number of tokens to remove, negative, not {tokens_to_remove}")
        self._length = max(0, self._length + tokens_to_remove)

    def write(self, layer: int, new: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """new: keys and values, [2, heads, n, head size] → all so far of each, [heads, positions, head size].

        They count as read when the whole pass has ended (`advance`): one that breaks off leaves nothing behind.
        """
        end = self._length + new.shape[2]
        if layer == len(self._buffers):
            self._buffers.append(new.new_empty(2, new.shape[1], 0, new.shape[3]))
        buffer = self._buffers[layer]
        if end > buffer.shape[2]:
            room = new.new_empty(2, new.shape[1], (end // BLOCK + 1) * BLOCK, new.shape[3])
            room[:, :, : self._length] = buffer[:, :, : self._length]
            self._buffers[layer] = buffer = room
        buffer[:, :, self._length : end] = new
        return buffer[:, :, :end].unbind()

    def advance(self, positions: int) -> None:
        """So many more are read, in every layer."""
        self._length += positions


class LlamaStep:
    """The forward pass of a LlamaForCausalLM over its own weights, dense or quantized (`quantization.py`)."""

    def __init__(self, model: Any) -> None:
        """Raises ValueError for what it does not know: other projections, biases."""
        config, self._base = model.config, model.model
        self._eps = float(config.rms_norm_eps)
        self._kv_heads = int(config.num_key_value_heads)
        self._group = int(config.num_attention_heads) // self._kv_heads  # query heads that share keys and values
        self._head = int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
        self._queries = self._kv_heads * self._group
        self._lm_head = model.lm_head
        self._layers = [
            (
                layer.input_layernorm.weight,
                _fused(layer.self_attn, "q_proj", "k_proj", "v_proj"),
                layer.self_attn.o_proj,
                layer.post_attention_layernorm.weight,
                _fused(layer.mlp, "gate_proj", "up_proj"),
                layer.mlp.down_proj,
            )
            for layer in self._base.layers
        ]
        self._cos = self._sin = torch.empty(0)

    def logits(self, ids: torch.Tensor, cache: KeyValueBuffers, keep: int) -> torch.Tensor:
        """Read token ids [n] that follow what the cache holds → [keep or n, vocabulary], of the last positions."""
        start, count = cache.get_seq_length(), len(ids)
        cos, sin = self._rotation(start, start + count)
        mask = _causal(start, count) if count > 1 else None
        x = self._base.embed_tokens(ids)
        width, eps = (x.shape[1],), self._eps
        for index, (norm, qkv, out, mlp_norm, gate_up, down) in enumerate(self._layers):
            heads = qkv(functional.rms_norm(x, width, norm, eps)).view(count, -1, self._head)
            heads = torch.addcmul(heads * cos, heads.roll(self._head // 2, -1), sin).transpose(0, 1)
            keys, values = cache.write(index, heads[self._queries :].view(2, self._kv_heads, count, self._head))
            x = x + out(self._attention(heads[: self._queries], keys, values, mask))
            gate, up = gate_up(functional.rms_norm(x, width, mlp_norm, eps)).chunk(2, -1)
            x = x + down(functional.silu(gate) * up)
        cache.advance(count)
        logits: torch.Tensor = self._lm_head(functional.rms_norm(x[-keep:], width, self._base.norm.weight, eps))
        return logits

    def _attention(
        self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """queries: [heads, n, head size]; mask: None where n is 1 → [n, heads × head size]."""
        count = queries.shape[1]
        if mask is None:  # query heads of a group, as rows over the keys they share: no copies of these
            rows = queries.view(1, self._kv_heads, self._group, self._head)
            return functional.scaled_dot_product_attention(rows, keys[None], values[None]).view(1, -1)
        keys, values = keys.repeat_interleave(self._group, 0), values.repeat_interleave(self._group, 0)
        mixed = functional.scaled_dot_product_attention(queries[None], keys[None], values[None], mask)
        return mixed[0].transpose(0, 1).reshape(count, -1)

    def _rotation(self, start: int, end: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What queries, keys and values are multiplied with: [n, heads, head size]. Values are not turned."""
        if end > len(self._cos):
            self._cos, self._sin = self._tables((end // BLOCK + 1) * BLOCK)
        return self._cos[start:end], self._sin[start:end]

    def _tables(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        like = self._base.embed_tokens.weight[:1, : self._head]
        positions = torch.arange(length, device=like.device)
        cos, sin = (table[0, :, None] for table in self._base.rotary_emb(like[None], positions[None]))
        sin = torch.cat((-sin[..., : self._head // 2], sin[..., self._head // 2 :]), -1)
        turned, still = (1, self._queries + self._kv_heads, 1), (length, self._kv_heads, self._head)
        return torch.cat((cos.repeat(turned), cos.new_ones(still)), 1), torch.cat(
            (sin.repeat(turned), sin.new_zeros(still)), 1
        )


def install_llama_step(model: Any, device: str) -> bool:
    """Let `model.forward` take the short way wherever its cache is a KeyValueBuffers; False where it can't.

    On a CPU, for Llama's architecture as published, and only if both ways give the same logits for a few tokens.
    """
    if not device.startswith("cpu") or not _is_known(model):
        return False
    try:
        step = LlamaStep(model)
        differs = _difference(model, step)
    except (ValueError, RuntimeError) as error:
        logger.info("the language model takes Transformers' forward pass: %s", error)
        return False
    if differs > TOLERANCE[model.dtype]:
        logger.warning("the language model takes Transformers' forward pass: the shorter differs by %.2f", differs)
        return False
    usual = model.forward

    @functools.wraps(usual)  # generate() reads the signature
    def forward(*args: Any, **kwargs: Any) -> Any:
        ids, cache = kwargs.get("input_ids"), kwargs.get("cache")
        if args or ids is None or len(ids) != 1 or not isinstance(cache, KeyValueBuffers):
            return usual(*args, **kwargs)
        logits = step.logits(ids[0], cache, kwargs.get("logits_to_keep") or 0)
        return CausalLMOutputWithPast(logits=logits[None], cache=cache)

    model.forward = forward
    return True


def _is_known(model: Any) -> bool:
    config = model.config
    return (
        (type(model).__module__, type(model).__name__) == LLAMA
        and config.hidden_act == "silu"
        and getattr(config, "pretraining_tp", 1) == 1
        and model.model.rotary_emb.rope_type in KNOWN_ROTATIONS
        and model.dtype in TOLERANCE
    )


def _fused(parent: Any, *names: str) -> torch.nn.Module:
    layer = fuse([getattr(parent, name) for name in names])
    if layer is None:
        raise ValueError(f"{' and '.join(names)} are no plain linear layers")
    return layer


def _causal(start: int, count: int) -> torch.Tensor:
    """Which of the positions so far each of `count` new ones sees: [count, start + count]."""
    return torch.ones(count, start + count, dtype=torch.bool).tril(start)


@torch.inference_mode()
def _difference(model: Any, step: LlamaStep) -> float:
    """|difference| ÷ |logits| of the two ways, for a prompt and a step: the larger."""
    ids, cache = torch.tensor(PROBE) % model.config.vocab_size, KeyValueBuffers()
    usual = DynamicCache()
    worst = 0.0
    for part in (ids[:-1], ids[-1:]):
        expected = model(input_ids=part[None], cache=usual, use_cache=True).logits[0].float()
        got = step.logits(part, cache, 0).float()
        worst = max(worst, float((got - expected).norm() / expected.norm()))
    return worst
