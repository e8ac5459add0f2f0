"""The weights of a Parler-TTS decoder, laid out for a step of few, large operations.

Matrices that are applied to the same input are one matrix. The model's own modules become views of it, so nothing is
held twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN

from handlers.parler.modules import Parler


@dataclass(frozen=True)
class Norm:
    """A layer norm over `shape`: what `torch.nn.functional.layer_norm` takes."""

    shape: tuple[int, ...]
    weight: Tensor
    bias: Tensor
    epsilon: float


@dataclass(frozen=True)
class Layer:
    """Matrices are transposed, [in, out], for `mm` and `addmm`; what a voice is made with is not."""

    self_norm: Norm
    queries_keys_values: Tensor
    self_out: Tensor
    cross_norm: Norm
    cross_queries: Tensor
    cross_keys: Tensor
    cross_values: Tensor
    cross_out: Tensor
    feed_norm: Norm
    feed_in: Tensor
    feed_out: Tensor


@dataclass(frozen=True)
class Shape:
    """Sizes of a decoder. vocabulary: ids that come out; one more goes in."""

    layers: int
    width: int
    heads: int
    self_heads: int  # heads of keys and values: fewer than `heads` in grouped-query attention
    cross_heads: int
    head: int
    codebooks: int
    vocabulary: int


class Weights:
    """What a decode step reads. model: its memory is shared."""

    def __init__(self, model: Parler) -> None:
        config, decoder = model.config.decoder, model.decoder.model.decoder
        self.config = config
        self.shape = Shape(
            layers=config.num_hidden_layers,
            width=config.hidden_size,
            heads=config.num_attention_heads,
            self_heads=config.num_key_value_heads,
            cross_heads=config.num_cross_attention_key_value_heads,
            head=config.head_size,
            codebooks=config.num_codebooks,
            vocabulary=config.vocab_size,
        )
        self.activation = ACT2FN[config.activation_function]
        self.layers = [_layer(layer) for layer in decoder.layers]
        self.tokens = _joined(decoder.embed_tokens)
        embedded = self.shape.vocabulary + 1
        self.token_offsets = torch.arange(self.shape.codebooks, device=self.tokens.device) * embedded
        self.final_norm = _norm(decoder.layer_norm)
        heads = model.decoder.lm_heads
        self.heads = (_joined([heads]) if config.use_fused_lm_heads else _joined(heads)).T
        self.rotary = config.rope_embeddings
        self.sinusoids = None if config.rope_embeddings else decoder.embed_positions

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.tokens.device

    @property
    def dtype(self) -> torch.dtype:
        """What they are."""
        return self.tokens.dtype


def _layer(layer: Any) -> Layer:
    attention, cross = layer.self_attn, layer.encoder_attn
    return Layer(
        self_norm=_norm(layer.self_attn_layer_norm),
        queries_keys_values=_joined([attention.q_proj, attention.k_proj, attention.v_proj]).T,
        self_out=attention.out_proj.weight.detach().T,
        cross_norm=_norm(layer.encoder_attn_layer_norm),
        cross_queries=cross.q_proj.weight.detach().T,
        cross_keys=cross.k_proj.weight.detach(),
        cross_values=cross.v_proj.weight.detach(),
        cross_out=cross.out_proj.weight.detach().T,
        feed_norm=_norm(layer.final_layer_norm),
        feed_in=layer.fc1.weight.detach().T,
        feed_out=layer.fc2.weight.detach().T,
    )


def _norm(norm: Any) -> Norm:
    return Norm(tuple(norm.normalized_shape), norm.weight.detach(), norm.bias.detach(), norm.eps)


def _joined(parts: Iterable[Any]) -> Tensor:
    """Their weights, one below the other; each module's weight becomes a view of its own rows."""
    modules = list(parts)
    if len(modules) == 1:
        return modules[0].weight.detach()
    joined = torch.cat([module.weight.detach() for module in modules])
    for module, own in zip(modules, joined.split([len(module.weight) for module in modules]), strict=True):
        module.weight = nn.Parameter(own, requires_grad=False)
    return joined
