"""A tiny checkpoint of each kind that the library knows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.parler_checkpoint import build

# Kinds that a decoder's config.json can ask for, alone and together. The structures of published models are in
# test_models.py; none of those has rotary positions or prompts that are listened to, but fine-tuned ones may.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "mini": {"vocab_size": 1088},
    "fused-heads": {"use_fused_lm_heads": True},
    "rotary": {"rope_embeddings": True},
    "cross-attended-prompt": {"prompt_cross_attention": True},
    "rotary-cross-attended-prompt": {"rope_embeddings": True, "prompt_cross_attention": True},
    "grouped-queries": {"num_key_value_heads": 2, "num_cross_attention_key_value_heads": 1},
    "grouped-queries-rotary": {
        "num_key_value_heads": 1,
        "num_cross_attention_key_value_heads": 2,
        "rope_embeddings": True,
        "use_fused_lm_heads": True,
    },
    "projected-description": {"text_width": 48},
    "eager-cross-attention": {"cross_attention_implementation_strategy": "always_eager"},
    "relu": {"activation_function": "relu"},
}
TEXT = "Hello there, how are you?"
DESCRIPTION = "A calm voice."


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """folder_of(architecture) → the checkpoint's folder, the same each time."""

    @functools.cache
    def built(architecture: str = "mini") -> Path:
        return build(tmp_path_factory.mktemp("architecture"), restless=True, **ARCHITECTURES[architecture])

    return built


@pytest.fixture(scope="session")
def speech_of(folder_of: Callable[..., Path]) -> Callable[..., Any]:
    """speech_of(architecture) → a `ParlerSpeech`, the same each time."""
    from handlers.parler.checkpoint import Checkpoint
    from handlers.parler.speech import ParlerSpeech

    @functools.cache
    def load(architecture: str = "mini") -> Any:
        return ParlerSpeech(Checkpoint.load(str(folder_of(architecture)), torch.float32, "cpu"))

    return load


@pytest.fixture
def speech(speech_of: Callable[..., Any]) -> Any:
    """One like parler-tts-mini-v1."""
    return speech_of("mini")
