"""A checkpoint of each kind that the library knows, tiny and with random weights, and what `generate()` makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import LogitsProcessorList

from tests.parler_checkpoint import CODEBOOKS, CODES, EOS, build

# Each as in a released checkpoint, as far as is known, or a mixture: mini v1 (sinusoidal positions), large v1 (fused
# heads), mini multilingual v1.1 and Indic (rotary positions, cross-attended prompts), grouped-query attention.
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


class OnlyCodes:
    """The decoder knows ids that are no codes; on these `generate()` fails in the codec."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores[:, CODES + 1 :] = -torch.inf
        return scores


def generated(speech: Any, text: str, description: str, seed: int, **options: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """(codes, int64 [codebooks, frames]; audio, float32 [samples]) of the library's `generate()`."""
    model = speech.checkpoint.model
    decoded: list[torch.Tensor] = []
    decode = model.audio_encoder.decode

    def keep(audio_codes: torch.Tensor, **arguments: Any) -> Any:
        decoded.append(audio_codes)
        return decode(audio_codes=audio_codes, **arguments)

    model.audio_encoder.decode = keep
    prompt, listened = speech.checkpoint.read_prompt(text), speech.checkpoint.read_description(description)
    from parler_tts.logits_processors import ParlerTTSLogitsProcessor

    torch.manual_seed(seed)
    try:
        with torch.inference_mode():
            audio = model.generate(
                input_ids=listened[None],
                attention_mask=torch.ones_like(listened[None]),
                prompt_input_ids=prompt[None],
                logits_processor=LogitsProcessorList([ParlerTTSLogitsProcessor(EOS, CODEBOOKS, 1), OnlyCodes()]),
                **options,
            )
    finally:
        model.audio_encoder.decode = decode
    if not decoded:
        return torch.zeros(CODEBOOKS, 0, dtype=torch.long), torch.zeros(0)
    return decoded[-1].reshape(CODEBOOKS, -1), audio[0].float()


@pytest.fixture(scope="session")
def speech_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """speech_of(architecture) → a `ParlerSpeech`, the same each time."""
    import functools

    from handlers.parler.checkpoint import Checkpoint
    from handlers.parler.speech import ParlerSpeech

    @functools.cache
    def load(architecture: str = "mini") -> Any:
        folder = build(tmp_path_factory.mktemp("architecture"), restless=True, **ARCHITECTURES[architecture])
        return ParlerSpeech(Checkpoint.load(str(folder), torch.float32, "cpu"))

    return load


@pytest.fixture
def speech(speech_of: Callable[..., Any]) -> Any:
    """One like parler-tts-mini-v1."""
    return speech_of("mini")
