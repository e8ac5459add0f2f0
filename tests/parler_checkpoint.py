"""Builds a tiny Parler-TTS checkpoint folder: the real structure, random weights, about 2 MB, no download."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.parler_configs import BOS, CODEBOOKS, CODES, EOS, HOP, RATE, TINY, TINY_TEXT, Structure
from benchmarks.parler_models import random_model
from benchmarks.parler_writer import Form, write_checkpoint

__all__ = ["BOS", "CODEBOOKS", "CODES", "DELAY", "EOS", "HOP", "SHORT_FRAMES", "SHORT_STEPS", "build", "steps_of"]

DELAY = CODEBOOKS - 1  # steps that the last codebook is behind the first
SHORT_STEPS = 30
SHORT_FRAMES = SHORT_STEPS - DELAY


def build(
    folder: Path,
    *,
    structure: Structure = TINY,
    seed: int = 0,
    favourite: int | None = None,
    sampling_rate: int = RATE,
    prompt_cross_attention: bool | None = None,
    text_width: int = TINY_TEXT["d_model"],
    restless: bool = False,
    form: Form | None = None,
    **decoder: Any,
) -> Path:
    """Write the checkpoint and its tokenizer to `folder` and return it.

    structure: what the others change. favourite: an id that the decoder always wants to give out, `EOS` for instance.
    text_width: of the text encoder of TINY; one that is not the decoder's is projected to it. restless: it often wants
    to end. form: of the files. decoder: further fields of the decoder's configuration.
    """
    structure = replace(structure, decoder=structure.decoder | decoder, rate=sampling_rate)
    if structure.text == TINY_TEXT:
        structure = replace(structure, text=TINY_TEXT | {"d_model": text_width})
    if prompt_cross_attention is not None:
        structure = replace(structure, prompt_cross_attention=prompt_cross_attention)
    torch.manual_seed(seed)
    model = random_model(structure)
    if favourite is not None:
        _prefer(model.decoder, favourite)
    if restless:
        _tempt(model.decoder)
    return write_checkpoint(model, structure, folder, form)


def steps_of(number: int) -> dict[str, int]:
    """Options of `generate` for exactly so many steps."""
    return {"min_new_tokens": number, "max_new_tokens": number}


@torch.no_grad()
def _prefer(language_model: Any, favourite: int) -> None:
    """The final layer norm gives out a constant, and only the favourite's row of each head answers to it."""
    norm = language_model.model.decoder.layer_norm
    norm.weight.zero_()
    norm.bias.fill_(1.0)
    for head in language_model.lm_heads:
        head.weight[favourite].fill_(10.0)


@torch.no_grad()
def _tempt(language_model: Any) -> None:
    """The end's logit varies more than a code's."""
    heads = language_model.lm_heads
    if isinstance(heads, torch.nn.Linear):
        heads.weight.view(CODEBOOKS, -1, heads.in_features)[:, EOS] *= 3
    else:
        for head in heads:
            head.weight[EOS] *= 3
