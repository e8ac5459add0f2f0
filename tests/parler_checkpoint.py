"""Builds a tiny Parler-TTS checkpoint folder: the real classes, random weights, about 4 MB, no download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import EncodecFeatureExtractor, T5EncoderModel

from benchmarks.parler_models import (
    BOS,
    CODEBOOKS,
    CODES,
    EOS,
    HOP,
    TINY_DECODER,
    TINY_TEXT,
    byte_tokenizer,
    random_model,
    text_config,
    tiny_codec,
)

__all__ = ["BOS", "CODEBOOKS", "CODES", "DELAY", "EOS", "HOP", "SHORT_FRAMES", "SHORT_STEPS", "build", "steps_of"]

DELAY = CODEBOOKS - 1  # steps that the last codebook is behind the first
SHORT_STEPS = 30
SHORT_FRAMES = SHORT_STEPS - DELAY


def build(
    folder: Path,
    *,
    seed: int = 0,
    favourite: int | None = None,
    sampling_rate: int = 44_100,
    prompt_cross_attention: bool = False,
    text_width: int = TINY_TEXT["d_model"],
    restless: bool = False,
    **decoder: Any,
) -> Path:
    """Write the checkpoint, tokenizer and feature extractor to `folder` and return it.

    favourite: an id that the decoder always wants to give out, `EOS` for instance. text_width: of the text encoder;
    one that is not the decoder's is projected to it. restless: it often wants to end. decoder: further options
    of `ParlerTTSDecoderConfig`.
    """
    torch.manual_seed(seed)
    text_encoder = T5EncoderModel(text_config(**TINY_TEXT | {"d_model": text_width}))
    model = random_model(
        text_encoder,
        tiny_codec(sampling_rate),
        TINY_DECODER | decoder,
        prompt_cross_attention=prompt_cross_attention,
    )
    if favourite is not None:
        _prefer(model.decoder, favourite)
    if restless:
        _tempt(model.decoder)
    model.save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    EncodecFeatureExtractor(sampling_rate=sampling_rate).save_pretrained(folder)
    return folder


def steps_of(number: int) -> dict[str, int]:
    """Options of `generate` for exactly so many steps."""
    return {"min_new_tokens": number, "max_new_tokens": number}


def _prefer(language_model: Any, favourite: int) -> None:
    """The final layer norm gives out a constant, and only the favourite's row of each head answers to it."""
    with torch.no_grad():
        norm = language_model.model.decoder.layer_norm
        norm.weight.zero_()
        norm.bias.fill_(1.0)
        for head in language_model.lm_heads:
            head.weight[favourite].fill_(10.0)


def _tempt(language_model: Any) -> None:
    """The end's logit varies more than a code's."""
    with torch.no_grad():
        if language_model.use_fused_lm_heads:
            language_model.lm_heads.weight.view(CODEBOOKS, -1, TINY_DECODER["hidden_size"])[:, EOS] *= 3
        else:
            for head in language_model.lm_heads:
                head.weight[EOS] *= 3
