"""The codec of a checkpoint as Transformers' `DacModel`, whoever wrote its weights.

Two layouts are in use: that of descript's package, in Parler-TTS's first checkpoints, and that of Transformers. Both
call themselves "dac" in config.json, so the names of the weights decide. Some weights are stored as a direction and a
length (weight norm), under names that depend on the version of PyTorch; they are multiplied once, here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor
from transformers import DacConfig

from utils.text.one_line import one_line

Shape = Callable[[str], list[int]]

PREFIX = "audio_encoder."
DESCRIPT = PREFIX + "model."
LENGTHS = ("weight_g", "parametrizations.weight.original0")
DIRECTIONS = ("weight_v", "parametrizations.weight.original1")
# Parts of a residual unit, by their place in descript's sequence.
UNIT = {"0": "snake1", "1": "conv1", "2": "snake2", "3": "conv2"}
# What config.json of Transformers' layout says of the sizes that are used.
SIZES = (
    "encoder_hidden_size", "downsampling_ratios", "decoder_hidden_size", "n_codebooks", "codebook_size",
    "codebook_dim", "sampling_rate",
)  # fmt: skip


def codec_config(audio_encoder: dict[str, Any], names: list[str], shape: Shape) -> DacConfig:
    """The codec's configuration.

    audio_encoder: that part of config.json. names: of all of the checkpoint's tensors; shape: of each.
    Raises ValueError where the codec is no DAC.
    """
    try:
        if any(name.startswith(DESCRIPT + "quantizer.") for name in names):
            return _descript_config(int(audio_encoder.get("sampling_rate", 44_100)), names, shape)
        if any(name.startswith(PREFIX + "quantizer.quantizers.") for name in names):
            return _transformers_config(audio_encoder)
    except (KeyError, TypeError, ValueError, IndexError, StrictDataclassError) as error:
        raise ValueError(f"the checkpoint's codec is not supported: {one_line(str(error))}") from error
    raise ValueError(f"the checkpoint's codec {audio_encoder.get('model_type')!r} is not supported; DAC is")


def codec_name(name: str, blocks: int) -> str | None:
    """A tensor's name in `DacModel`, for its name in a checkpoint; None for what is not needed, the codec's encoder.

    blocks: of the codec's decoder. Of a weight in two halves, the halves keep their endings.
    """
    if not name.startswith(DESCRIPT):
        own = name.removeprefix(PREFIX)
        return None if own.startswith("encoder.") else own
    own = name.removeprefix(DESCRIPT)
    if own.startswith("quantizer."):
        return own
    match = re.fullmatch(r"decoder\.model\.(\d+)\.(.+)", own)
    return None if match is None else _decoder_name(int(match[1]), match[2], blocks)


def _decoder_name(index: int, rest: str, blocks: int) -> str:
    """descript's decoder is one sequence: a convolution, the blocks, a snake, a convolution."""
    if index == 0:
        return f"decoder.conv1.{rest}"
    if index > blocks:
        return f"decoder.{'snake1' if index == blocks + 1 else 'conv2'}.{rest}"
    _, part, inner = rest.split(".", 2)  # "block", the place in it, what is there
    block = f"decoder.block.{index - 1}."
    if part in ("0", "1"):
        return f"{block}{'snake1' if part == '0' else 'conv_t1'}.{inner}"
    _, place, last = inner.split(".", 2)
    return f"{block}res_unit{int(part) - 1}.{UNIT[place]}.{last}"


class WeightNorm:
    """Puts the two halves of normed weights together. All other tensors pass."""

    def __init__(self) -> None:
        self._halves: dict[str, dict[str, Tensor]] = {}

    def add(self, name: str, tensor: Tensor) -> tuple[str, Tensor] | None:
        """The weight that is complete with this tensor, with its name; None while its other half is missing."""
        for half, endings in (("length", LENGTHS), ("direction", DIRECTIONS)):
            for ending in endings:
                if name.endswith("." + ending):
                    return self._join(name.removesuffix(ending) + "weight", half, tensor)
        return name, tensor

    def _join(self, name: str, half: str, tensor: Tensor) -> tuple[str, Tensor] | None:
        halves = self._halves.setdefault(name, {})
        halves[half] = tensor
        if len(halves) < 2:
            return None
        del self._halves[name]
        return name, torch._weight_norm(halves["direction"], halves["length"], 0)


def _transformers_config(raw: dict[str, Any]) -> DacConfig:
    config = DacConfig(**{name: raw[name] for name in SIZES if raw.get(name) is not None})
    for name in (
        "upsampling_ratios",
        "hidden_size",
    ):  # without a value of their own they follow
        if raw.get(name) is not None:
            setattr(config, name, raw[name])
    return config


def _descript_config(rate: int, names: list[str], shape: Shape) -> DacConfig:
    """Its config.json gives no sizes of the decoder, so the weights' shapes do."""
    known = set(names)

    def sizes(layer: str) -> list[int]:
        """Of a convolution's weight: [out, in, kernel], transposed [in, out, kernel]."""
        stored = (f"{DESCRIPT}{layer}.{ending}" for ending in ("weight", *DIRECTIONS))
        return shape(next((name for name in stored if name in known), f"{DESCRIPT}{layer}.weight"))

    numbers = (re.search(r"decoder\.model\.(\d+)\.block\.", name) for name in names)
    blocks = max((int(number[1]) for number in numbers if number), default=0)
    ratios = [sizes(f"decoder.model.{number}.block.1")[2] // 2 for number in range(1, blocks + 1)]
    books = [name for name in names if re.fullmatch(r".+\.quantizers\.\d+\.codebook\.weight", name)]
    channels, latent, _ = sizes("decoder.model.0")
    config = DacConfig(
        downsampling_ratios=ratios[::-1],
        decoder_hidden_size=channels,
        n_codebooks=len(books),
        codebook_size=shape(books[0])[0],
        codebook_dim=shape(books[0])[1],
        sampling_rate=rate,
    )
    config.hidden_size = latent
    return config
