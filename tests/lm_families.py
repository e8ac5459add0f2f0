"""Tiny language models of today's families: `FAMILIES`, always tried, and `MORE`, tried at leisure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from handlers.language_model.prompt_cache import GrowingCaches, RecurrentCaches
from tests import chat_templates as templates


@dataclass(frozen=True)
class Family:
    """A tiny model."""

    model_type: str
    template: templates.Template
    caches: type = GrowingCaches
    """What its prompts are kept in."""

    config: dict[str, Any] = field(default_factory=dict)


def sliding(layers: int = 2) -> dict[str, Any]:
    return {"head_dim": 8, "sliding_window": 16, "num_hidden_layers": layers}


GATED = {
    "head_dim": 8, "num_hidden_layers": 4, "linear_num_value_heads": 4, "linear_num_key_heads": 2,
    "linear_key_head_dim": 8, "linear_value_head_dim": 8,
    "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"],
}  # fmt: skip
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 16, "mamba_n_groups": 1}
VISION = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "image_size": 32,
    "patch_size": 16,
}  # fmt: skip
FAMILIES = {
    "llama": Family("llama", templates.LLAMA3),
    "qwen2": Family("qwen2", templates.CHATML),
    "qwen3": Family("qwen3", templates.QWEN3, config={"head_dim": 8}),
    "qwen3_moe": Family("qwen3_moe", templates.QWEN3, config={"head_dim": 8, **EXPERTS}),
    "qwen3_next": Family(
        "qwen3_next",
        templates.QWEN3,
        RecurrentCaches,
        {**GATED, **EXPERTS, "shared_expert_intermediate_size": 16},
    ),
    "qwen3_5": Family("qwen3_5_text", templates.QWEN3, RecurrentCaches, GATED),
    "lfm2": Family(
        "lfm2",
        templates.CHATML,
        RecurrentCaches,
        {"layer_types": ["conv", "full_attention", "conv"], "num_hidden_layers": 3, "block_auto_adjust_ff_dim": False},
    ),
    "gemma2": Family("gemma2", templates.GEMMA, config=sliding()),
    "gemma3": Family(
        "gemma3_text", templates.GEMMA, config={**sliding(), "layer_types": ["sliding_attention", "full_attention"]}
    ),
    "smollm3": Family("smollm3", templates.SMOLLM3, config={"no_rope_layers": [1, 0]}),
    "phi3": Family("phi3", templates.PHI3, config={"sliding_window": 16}),
    "mistral": Family("mistral", templates.MISTRAL, config={"sliding_window": 16}),
    "ministral": Family("ministral", templates.MISTRAL, config=sliding()),
    "granite": Family("granite", templates.GRANITE),
    "gpt_oss": Family(
        "gpt_oss", templates.GPT_OSS, config={**sliding(), "num_local_experts": 4, "num_experts_per_tok": 2}
    ),
    "olmo2": Family("olmo2", templates.OLMO),
    "olmo3": Family("olmo3", templates.OLMO, config=sliding(4)),
}
MORE = {
    "reasoner": Family("qwen2", templates.REASONER),
    "ministral3": Family("ministral3", templates.MISTRAL, config={"head_dim": 8}),
    "granitemoehybrid": Family(
        "granitemoehybrid",
        templates.GRANITE,
        RecurrentCaches,
        {
            **MAMBA, "layer_types": ["mamba", "attention"], "num_local_experts": 0, "num_experts_per_tok": 0,
            "shared_intermediate_size": 64, "mamba_expand": 2, "position_embedding_type": "rope",
        },
    ),
    "falcon_h1": Family(
        "falcon_h1", templates.CHATML, RecurrentCaches, {**MAMBA, "mamba_d_ssm": 32, "mamba_n_heads": 4}
    ),
    "glm4": Family("glm4", templates.CHATML, config={"head_dim": 8}),
    "exaone4": Family("exaone4", templates.QWEN3, config={**sliding(4), "sliding_window_pattern": 4}),
    "hunyuan": Family("hunyuan_v1_dense", templates.CHATML, config={"head_dim": 8}),
    "gemma3n": Family(
        "gemma3n_text",
        templates.GEMMA,
        config={
            **sliding(4), "num_kv_shared_layers": 2, "hidden_size_per_layer_input": 8, "laurel_rank": 4,
            "vocab_size_per_layer_input": 128,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
        },
    ),
    "sees, its text part is a model": Family(
        "qwen3_5",
        templates.QWEN3,
        RecurrentCaches,
        {
            "text_config": {"model_type": "qwen3_5_text", "initializer_range": 0.2, **GATED},
            "vision_config": {
                "depth": 1, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": 32,
            },
        },
    ),
    "sees, in parts": Family(
        "gemma3",
        templates.PARTS,
        config={
            "text_config": {"model_type": "gemma3_text", "initializer_range": 0.2, **sliding()},
            "vision_config": {"model_type": "siglip_vision_model", **VISION}, "mm_tokens_per_image": 4,
        },
    ),
    "sees, no text part": Family(
        "mistral3",
        templates.MISTRAL,
        config={
            "text_config": {"model_type": "mistral", "initializer_range": 0.2, "head_dim": 8},
            "vision_config": {"model_type": "pixtral", "head_dim": 8, **VISION},
        },
    ),
}  # fmt: skip
