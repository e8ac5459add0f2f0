"""Loads the weights of an instruct model: of a text model, or of the text part of one that also sees."""

from __future__ import annotations

from typing import Any

import torch

from utils.models.progress_bars import hide_loading_bars


def load_model(folder: str, dtype: torch.dtype, device: str, trust_remote_code: bool) -> Any:
    """The model, ready to generate. folder: or a name of the hub. Raises what Transformers raises."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    hide_loading_bars()
    model = _class_for(config).from_pretrained(folder, config=config, dtype=dtype, trust_remote_code=trust_remote_code)
    model.generation_config.cache_implementation = None  # the caches are the engine's
    return model.to(device).eval()


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
