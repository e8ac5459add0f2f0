"""Writes a Parler-TTS model as a checkpoint folder, in each of the forms in which checkpoints are published."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from benchmarks.parler_configs import Structure, config_json, generation_json
from benchmarks.parler_models import byte_tokenizer
from handlers.parler.modules import Parler

CODEC = "audio_encoder."
PLACES = {"snake1": 0, "conv1": 1, "snake2": 2, "conv2": 3}  # of a residual unit's parts in descript's sequence

Named = dict[str, Tensor]


@dataclass(frozen=True)
class Form:
    """How the weights stand in the files."""

    pickled: bool = False
    """PyTorch's own files (`.bin`) instead of safetensors."""
    parts: int = 1
    """Files that the weights are spread over; with more than one there is an index."""
    norm: tuple[str, str] | None = None
    """Names of the length and the direction of normed weights, instead of plain weights. For descript's names only."""


OLD_NORM = ("weight_g", "weight_v")
NEW_NORM = ("parametrizations.weight.original0", "parametrizations.weight.original1")


def write_checkpoint(model: Parler, structure: Structure, folder: Path, form: Form | None = None) -> Path:
    """Write the model, which has this structure, with a tokenizer of bytes, to `folder`, and return it."""
    form = form or Form()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("config.json", config_json(structure)), ("generation_config.json", generation_json())):
        (folder / name).write_text(json.dumps(content, indent=2))
    weights = stored_weights(model, structure.descript, form.norm)
    _write(folder, weights, form)
    write_tokenizer(byte_tokenizer(), folder)
    return folder


def write_tokenizer(
    tokenizer: PreTrainedTokenizerFast, folder: Path, kind: str = "PreTrainedTokenizerFast", **options: Any
) -> None:
    """Write the tokenizer as the Transformers of published checkpoints did.

    kind: the class it is said to be of. options: further fields of `tokenizer_config.json`.
    """
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"tokenizer_class": kind, **options}))


def stored_weights(model: Parler, descript: bool = False, norm: tuple[str, str] | None = None) -> Named:
    """The model's weights under the names that they have in files. Weights that are one are given once."""
    weights = {name: tensor.detach().contiguous().cpu() for name, tensor in model.state_dict().items()}
    for one in getattr(model.text_encoder, "all_tied_weights_keys", {}):
        weights.pop(f"text_encoder.{one}", None)
    if not descript:
        return weights
    codec = {name.removeprefix(CODEC): tensor for name, tensor in weights.items() if name.startswith(CODEC)}
    blocks = len(model.audio_encoder.config.upsampling_ratios)
    stored = {name: tensor for name, tensor in weights.items() if not name.startswith(CODEC)}
    for name, tensor in codec.items():
        if not name.startswith("encoder."):  # nothing speaks with it
            stored |= _normed(f"{CODEC}model.{_descript_name(name, blocks)}", tensor, norm)
    return stored


def _descript_name(name: str, blocks: int) -> str:
    """descript's name of a tensor of `DacModel`'s decoder or quantizer."""
    if name.startswith("quantizer."):
        return name
    ends = {"conv1": 0, "snake1": blocks + 1, "conv2": blocks + 2}
    if match := re.fullmatch(r"decoder\.(conv1|snake1|conv2)\.(\w+)", name):
        return f"decoder.model.{ends[match[1]]}.{match[2]}"
    if match := re.fullmatch(r"decoder\.block\.(\d+)\.(snake1|conv_t1)\.(\w+)", name):
        return f"decoder.model.{int(match[1]) + 1}.block.{'01'[match[2] == 'conv_t1']}.{match[3]}"
    match = re.fullmatch(r"decoder\.block\.(\d+)\.res_unit(\d)\.(\w+)\.(\w+)", name)
    assert match, name
    return f"decoder.model.{int(match[1]) + 1}.block.{int(match[2]) + 1}.block.{PLACES[match[3]]}.{match[4]}"


def _normed(name: str, tensor: Tensor, norm: tuple[str, str] | None) -> Named:
    """A convolution's weight as a length for each of its first dimension, and a direction."""
    if norm is None or tensor.dim() != 3 or not name.endswith(".weight"):
        return {name: tensor}
    stem = name.removesuffix("weight")
    length = tensor.flatten(1).norm(dim=1)[:, None, None]
    return {stem + norm[0]: length, stem + norm[1]: tensor}


def _write(folder: Path, weights: Named, form: Form) -> None:
    whole = "pytorch_model.bin" if form.pickled else "model.safetensors"
    if form.parts == 1:
        _write_file(folder / whole, weights)
        return
    names = sorted(weights)
    index: dict[str, str] = {}
    stem, suffix = whole.split(".")
    for part in range(form.parts):
        file = f"{stem}-{part + 1:05}-of-{form.parts:05}.{suffix}"
        own = names[part :: form.parts]
        _write_file(folder / file, {name: weights[name] for name in own})
        index |= dict.fromkeys(own, file)
    size = sum(tensor.nbytes for tensor in weights.values())
    (folder / f"{whole}.index.json").write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": index}))


def _write_file(file: Path, weights: Named) -> None:
    if file.suffix == ".bin":
        torch.save(weights, file)
    else:
        save_file(weights, file, metadata={"format": "pt"})
