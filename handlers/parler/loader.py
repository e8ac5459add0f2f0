"""Builds the model of a checkpoint folder from its config.json and weight files.

Modules are made without memory; then each tensor is read, cast, moved to the device and given to its module. So nothing
is held twice, and a GPU's weights never stand in the computer's memory as a whole.
"""

from __future__ import annotations

import logging
from collections.abc import Set
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModelForTextEncoding, DacModel

from handlers.parler.codec_names import PREFIX as CODEC
from handlers.parler.codec_names import WeightNorm, codec_config, codec_name
from handlers.parler.config import ParlerConfig, read_config
from handlers.parler.files import WeightFiles
from handlers.parler.modules import Parler, Sinusoids
from utils.text.one_line import one_line

logger = logging.getLogger(__name__)

TEXT = "text_encoder."
SHOWN = 3  # names in a message

Named = dict[str, Tensor]


def load_model(folder: Path, dtype: torch.dtype, codec_dtype: torch.dtype, device: str) -> Parler:
    """The model of this folder, in evaluation mode, on `device`.

    dtype: of all weights but the codec's. Raises OSError where a file is missing or damaged, and ValueError where it is
    no Parler-TTS checkpoint, asks for what is not supported, or lacks a weight; the message is one line.
    """
    config = read_config(folder)
    files = WeightFiles(folder)
    model = _empty(config, files)
    weights = _weights(files, model, dtype, codec_dtype, device)
    for name, tensor in weights.items():
        _give(model, name, tensor)
    _complete(model, weights.keys(), dtype, device)
    return model.requires_grad_(False).eval()


def _empty(config: ParlerConfig, files: WeightFiles) -> Parler:
    codec = codec_config(config.audio_encoder, files.names, files.shape)
    if codec.n_codebooks != config.decoder.num_codebooks:
        raise ValueError(f"the codec has {codec.n_codebooks} codebooks, the decoder {config.decoder.num_codebooks}")
    with torch.device("meta"):
        try:
            audio_encoder = DacModel(codec)
        except (ValueError, RuntimeError, TypeError) as error:
            raise ValueError(f"the checkpoint's codec is not supported: {one_line(str(error))}") from error
        del audio_encoder.encoder
        model = Parler(config, text_encoder(config), audio_encoder)
    if any(buffer.is_meta for buffer in _unsaved_buffers(model.text_encoder)):
        model.text_encoder = text_encoder(config)  # its buffers are computed when it is made, and are in no file
    return model


def text_encoder(config: ParlerConfig) -> nn.Module:
    """The text encoder with new weights. Raises ValueError where Transformers has none of this type."""
    try:
        return AutoModelForTextEncoding.from_config(config.text_encoder)
    except ValueError as error:
        if "Unrecognized configuration class" not in str(error):  # the message goes on with all that are known
            raise
        kind = config.text_encoder.model_type
        raise ValueError(f"Transformers has no text encoder of the model type {kind!r}") from None


def _unsaved_buffers(module: nn.Module) -> list[Tensor]:
    saved = module.state_dict().keys()
    return [buffer for name, buffer in module.named_buffers() if name not in saved]


def _weights(files: WeightFiles, model: Parler, dtype: torch.dtype, codec_dtype: torch.dtype, device: str) -> Named:
    """All that the model has a place for, by the model's names."""
    places = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    blocks = len(model.audio_encoder.config.upsampling_ratios)
    names = {name: _model_name(name, blocks) for name in files.names}
    norm, weights, unused = WeightNorm(), {}, []
    for stored, tensor in files.read(lambda name: names[name] is not None):
        named = norm.add(names[stored] or "", tensor)
        if named is None:
            continue
        name, tensor = named
        if name not in places:
            unused.append(stored)
            continue
        if tuple(tensor.shape) != places[name]:
            raise ValueError(f"the weight {stored} is {list(tensor.shape)}, by config.json {list(places[name])}")
        weights[name] = _placed(tensor, codec_dtype if name.startswith(CODEC) else dtype, device)
    if unused:
        logger.debug("weights of the checkpoint that nothing uses: %s", _listed(unused))
    _tie(model, weights)
    return weights


def _model_name(name: str, blocks: int) -> str | None:
    """None for what is not read."""
    if not name.startswith(CODEC):
        return name
    own = codec_name(name, blocks)
    return None if own is None else CODEC + own


def _placed(tensor: Tensor, dtype: torch.dtype, device: str) -> Tensor:
    """In memory of its own: the file may be changed or taken away, and its tensors lie at odd addresses."""
    return tensor.to(device, dtype if tensor.is_floating_point() else tensor.dtype, copy=True)


def _tie(model: Parler, weights: Named) -> None:
    """Of weights that are one in the text encoder, a file may have either."""
    for one, other in getattr(model.text_encoder, "all_tied_weights_keys", {}).items():
        found = weights.get(TEXT + one, weights.get(TEXT + other))
        if found is not None:
            weights[TEXT + one] = weights[TEXT + other] = found


def _give(model: Parler, name: str, tensor: Tensor) -> None:
    path, _, own = name.rpartition(".")
    module = model.get_submodule(path)
    if own in module._parameters:
        module._parameters[own] = nn.Parameter(tensor, requires_grad=False)
    else:
        module._buffers[own] = tensor


def _complete(model: Parler, given: Set[str], dtype: torch.dtype, device: str) -> None:
    """Compute the positions that the files lack. Raises ValueError where anything else is missing."""
    tables = {f"{name}.weights" for name, module in model.named_modules() if isinstance(module, Sinusoids)}
    missing = [name for name in model.state_dict() if name not in given and name not in tables]
    if missing:
        raise ValueError(f"the checkpoint lacks the weights {_listed(missing)}")
    for module in model.modules():
        if isinstance(module, Sinusoids) and module.weights.is_meta:
            module.weights = nn.Parameter(torch.empty_like(module.weights, device=device, dtype=dtype), False)
            module.compute()
    model.text_encoder.to(device, dtype)  # the buffers that are in no file


def _listed(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
