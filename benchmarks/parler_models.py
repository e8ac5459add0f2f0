"""Parler-TTS models with random weights, made in memory: real sizes, and tiny ones. Nothing is downloaded.

    model = random_model(PUBLISHED["mini-v1"], "cuda", torch.bfloat16)
    speech = ParlerSpeech(Checkpoint(model, byte_tokenizer()))

Random weights cost what trained ones cost. Those of the codec keep the variance from layer to layer, or its output
would be silence and comparing it would prove nothing. `parler_configs.py` has the sizes, `parler_writer.py` writes a
model as a checkpoint folder.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import nn
from transformers import DacConfig, DacModel, PreTrainedTokenizerFast

from benchmarks.parler_configs import (
    CODEBOOKS,
    CODES,
    PUBLISHED,
    REAL_CODEC,
    TINY,
    TINY_DECODER,
    Structure,
    config_json,
    generation_json,
)
from handlers.parler.config import parse_config
from handlers.parler.loader import text_encoder
from handlers.parler.modules import Parler, Sinusoids

LOUDNESS = 0.2  # standard deviation of the codec's output before its tanh: audible, not saturated
DEVIATION = 0.02  # of weights, where a configuration does not say
BYTES = 256


def mini(device: str = "cpu", dtype: torch.dtype = torch.float32) -> Parler:
    """The architecture of parler-tts-mini-v1, 877.8 M parameters."""
    return random_model(PUBLISHED["mini-v1"], device, dtype)


def large(device: str = "cpu", dtype: torch.dtype = torch.float32) -> Parler:
    """The architecture of parler-tts-large-v1, 2.3 billion parameters."""
    return random_model(PUBLISHED["large-v1"], device, dtype)


def deep_tiny(device: str = "cpu", dtype: torch.dtype = torch.float32) -> Parler:
    """As many layers as the mini architecture, but so narrow that a step costs what calling it costs."""
    return random_model(replace(TINY, decoder=TINY_DECODER | {"num_hidden_layers": 24}), device, dtype)


def codec_alone() -> Parler:
    """The real codec behind a decoder that is not to be used."""
    return random_model(replace(TINY, codec=REAL_CODEC))


def random_model(structure: Structure, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Parler:
    """A model of this structure, made on this device; torch's generator draws the weights.

    dtype: of all weights; with bfloat16 the codec's are float32, as `Checkpoint.load` has them.
    """
    config = parse_config(config_json(structure), generation_json())
    with torch.device("meta"):
        model = Parler(config, nn.Identity(), nn.Identity())
    model.to_empty(device=device)
    _initialise(model, structure.decoder.get("initializer_factor", DEVIATION))
    with torch.device(device):
        model.text_encoder = text_encoder(config)
    model.audio_encoder = random_codec(structure, device)
    model.to(dtype)
    if dtype == torch.bfloat16:
        model.audio_encoder.float()
    return model.requires_grad_(False).eval()


def random_codec(structure: Structure = TINY, device: str = "cpu") -> DacModel:
    """Transformers' `DacModel` with the topology of 44.1 kHz DAC (hop 512, 9 × 1,024 codes)."""
    config = DacConfig(
        **structure.codec, n_codebooks=CODEBOOKS, codebook_size=CODES, codebook_dim=8, sampling_rate=structure.rate
    )
    with torch.device(device):
        codec = DacModel(config).eval()
    _condition(codec)
    return codec


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, then </s>: any text can be encoded."""
    vocabulary = {"<pad>": 0, "</s>": 1, "<unk>": 2}
    for symbol in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocabulary[symbol] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )


@torch.no_grad()
def _initialise(model: Parler, deviation: float) -> None:
    """All but the text encoder and the codec."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            module.weight.normal_(0.0, deviation)
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()
        elif isinstance(module, Sinusoids):
            module.compute()
        if isinstance(module, nn.Linear) and module.bias is not None:
            module.bias.zero_()


@torch.no_grad()
def _condition(codec: Any) -> None:
    """Give the codec's convolutions weights that keep the variance, and its output LOUDNESS.

    What residual units add (they end in convolutions of size 1) is a tenth of what is there, as after training: with
    more, the values grow from layer to layer until the sine of them is noise.
    """
    for module in codec.modules():
        if isinstance(module, nn.Conv1d):
            scale = 0.3 if module.kernel_size == (1,) and module.in_channels == module.out_channels else 1.0
            module.weight.normal_(0.0, scale * module.weight[0].numel() ** -0.5)
        elif isinstance(module, nn.ConvTranspose1d):
            module.weight.normal_(0.0, (2 * module.weight.shape[0]) ** -0.5)
    before_tanh: list[torch.Tensor] = []
    last = codec.decoder.conv2
    hook = last.register_forward_hook(lambda module, inputs, output: before_tanh.append(output))
    codes = torch.randint(0, CODES, (1, CODEBOOKS, 50), device=last.weight.device)
    codec.decoder(codec.quantizer.from_codes(codes)[0])
    hook.remove()
    last.weight.mul_(LOUDNESS / before_tanh[0].std())
