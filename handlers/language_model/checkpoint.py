"""Loads the weights of an instruct model: of a text model, or of the text part of one that also sees."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

import torch

from utils.models.load_errors import UnusableModel
from utils.models.progress_bars import hide_loading_bars
from utils.system.quiet_torchao import quiet_torchao

logger = logging.getLogger(__name__)

NEEDS_TORCHAO = "--lm_quantize int8 needs the package torchao: pip install torchao==0.18.0"


def load_model(
    folder: str, dtype: torch.dtype, device: str, trust_remote_code: bool, quantize: str | None = None
) -> Any:
    """The model, ready to generate. folder: or a name of the hub. quantize: "int8", on a CPU only: the weights of the
    linear layers have 8 bits, and one scale an output. Raises UnusableModel, and what Transformers raises."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    hide_loading_bars()
    model = _class_for(config).from_pretrained(
        folder, config=config, dtype=dtype, trust_remote_code=trust_remote_code, **_quantization(quantize, device)
    )
    model.generation_config.cache_implementation = None  # the caches are the engine's
    return model.to(device).eval()


def _quantization(kind: str | None, device: str) -> dict[str, Any]:
    if kind is None:
        return {}
    if not device.startswith("cpu"):
        logger.warning("--lm_quantize %s is for a CPU: on %s the model runs unquantized", kind, device)
        return {}
    if importlib.util.find_spec("torchao") is None:
        raise UnusableModel(NEEDS_TORCHAO)
    quiet_torchao()
    from torchao.quantization import Int8WeightOnlyConfig
    from transformers import TorchAoConfig

    return {"quantization_config": TorchAoConfig(Int8WeightOnlyConfig())}


def _class_for(config: Any) -> Any:
    """The Auto class that knows this model, where both do the one that loads no more than the text part."""
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
    )

    own_code = "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})
    if (
        not own_code
        and type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING
        and (type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING)
    ):
        return AutoModelForImageTextToText
    return AutoModelForCausalLM
