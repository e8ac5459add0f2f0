"""The modules that hold a Parler-TTS checkpoint's weights, under the checkpoint's own names.

Only the text encoder and the codec, which are Transformers' models, compute with their modules. The decoder's are read
by `weights.py` and run by `decoder.py`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from handlers.parler.config import DecoderConfig, ParlerConfig


class Parler(nn.Module):
    """A checkpoint's model: text encoder, decoder, codec, and what joins them.

    text_encoder: gives `last_hidden_state`, float [1, tokens, width]. audio_encoder: Transformers' `DacModel`; its own
    encoder may be missing, for nothing is recorded. Weights may be on the meta device until they are loaded.
    """

    text_encoder: Any
    audio_encoder: Any

    def __init__(self, config: ParlerConfig, text_encoder: nn.Module, audio_encoder: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.text_encoder = text_encoder
        self.decoder = CausalLM(config.decoder)
        self.audio_encoder = audio_encoder
        width = config.decoder.hidden_size
        self.embed_prompts = nn.Embedding(config.vocab_size, width)
        if config.projected:
            self.enc_to_dec_proj = nn.Linear(config.text_encoder.hidden_size, width)
        if config.prompt_cross_attention:
            self.embed_positions = Sinusoids(config.decoder.max_position_embeddings, width)

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.embed_prompts.weight.device


class CausalLM(nn.Module):
    """The decoder and the heads that give out logits of each codebook."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width, vocabulary, codebooks = config.hidden_size, config.vocab_size, config.num_codebooks
        self.model = Stack(config)
        self.lm_heads: Any
        if config.use_fused_lm_heads:
            self.lm_heads = nn.Linear(width, vocabulary * codebooks, bias=False)
        else:
            self.lm_heads = nn.ModuleList(nn.Linear(width, vocabulary, bias=False) for _ in range(codebooks))


class Stack(nn.Module):
    """A level that the names of weights have and nothing else."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.decoder = Layers(config)


class Layers(nn.Module):
    """The embeddings of each codebook's ids, the layers, and the norm after them."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.embed_tokens = nn.ModuleList(
            nn.Embedding(config.vocab_size + 1, width) for _ in range(config.num_codebooks)
        )
        if not config.rope_embeddings:
            self.embed_positions = Sinusoids(config.max_position_embeddings, width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.layer_norm = nn.LayerNorm(width)


class Layer(nn.Module):
    """One layer of the decoder: self-attention, cross-attention, and a feed-forward block, each after its norm."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width, head = config.hidden_size, config.head_size
        self.self_attn = Attention(width, config.num_key_value_heads * head)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.encoder_attn = Attention(width, config.num_cross_attention_key_value_heads * head)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, config.ffn_dim, bias=False)
        self.fc2 = nn.Linear(config.ffn_dim, width, bias=False)
        self.final_layer_norm = nn.LayerNorm(width)


class Attention(nn.Module):
    """The matrices of one attention. kept: the width of keys and of values."""

    def __init__(self, width: int, kept: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, kept, bias=False)
        self.v_proj = nn.Linear(width, kept, bias=False)
        self.out_proj = nn.Linear(width, width, bias=False)


class Sinusoids(nn.Module):
    """A table of positions, float [positions, width]: cosines, then sines (Vaswani et al. 2017, section 3.5).

    Checkpoints store it. What they don't store is computed.
    """

    def __init__(self, positions: int, width: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.empty(positions, width), requires_grad=False)

    def compute(self) -> None:
        """Fill the whole table."""
        with torch.no_grad():
            self.weights.copy_(sinusoids(*self.weights.shape))

    def first(self, positions: int) -> Tensor:
        """float [positions, width]: the stored ones, and computed ones beyond them."""
        stored = self.weights.detach()
        if positions <= len(stored):
            return stored[:positions]
        more = sinusoids(positions, stored.shape[1])[len(stored) :]
        return torch.cat([stored, more.to(stored)])


def sinusoids(positions: int, width: int) -> Tensor:
    """float32 [positions, width], rounded at each step as the library rounds: codes depend on the last bit."""
    half = width // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.int64).float() * -(math.log(10_000) / (half - 1)))
    angles = torch.arange(positions, dtype=torch.int64).float().unsqueeze(1) * frequencies.unsqueeze(0)
    table = torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)
    return torch.nn.functional.pad(table, (0, width % 2))


def rotations(positions: Tensor, config: DecoderConfig) -> tuple[Tensor, Tensor]:
    """Cosines and sines, float32 [n, head], that turn a head at these positions, int64 [n]."""
    size = config.head_size
    exponents = torch.arange(0, size, 2, dtype=torch.int64).float() / size
    frequencies = (1.0 / (config.rope_theta**exponents)).to(positions.device)
    angles = (frequencies[:, None] @ positions[None].float()).T
    angles = torch.cat((angles, angles), -1)
    return angles.cos(), angles.sin()
