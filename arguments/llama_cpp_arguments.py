"""Options of a language model in llama.cpp."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from arguments.lm_arguments import LMArguments


@dataclass(frozen=True)
class LlamaCppHandlerArguments(LMArguments):
    """Language model (--lm llama_cpp)."""

    part: ClassVar[str] = "lm"
    backend: ClassVar[str] = "llama_cpp"
    handler: ClassVar[str] = "handlers.llama_cpp.handler:LlamaCppHandler"
    in_pytorch: ClassVar[bool] = False
    prefix: ClassVar[str] = "lm_"

    lm_model_name: str = field(
        default="bundled:smollm2-135m-instruct",
        metadata={
            "help": "A .gguf file, a folder with one, owner/name:file.gguf or owner/name:Q4_K_M of the Hugging Face "
            "hub, or bundled:smollm2-135m-instruct.",
            "pattern": r"\S.*",
            "pattern_help": "the name of a model",
        },
    )
    lm_n_ctx: int = field(
        default=4096,
        metadata={
            "help": "Room for so many tokens: the longest prompt with its reply, and the kept prompts of all "
            "conversations together. A model that was trained on fewer gets fewer.",
            "min": 256,
            "max": 1048576,
        },
    )
    lm_threads: int | None = field(
        default=None,
        metadata={"help": "How many CPU threads the model gets. none: half the cores.", "min": 1, "max": 512},
    )
    lm_gpu_layers: int = field(
        default=-1,
        metadata={
            "help": "How many layers run on a GPU, where this build of llama.cpp can use one. -1: all, 0: none.",
            "min": -1,
            "max": 10000,
        },
    )
    lm_gen_top_k: int | None = field(
        default=None, metadata={"help": "Sample from so many of the likeliest tokens only.", "min": 0, "max": 1000000}
    )
    lm_gen_top_p: float | None = field(
        default=None,
        metadata={"help": "Sample from the likeliest tokens that have this probability together.", "min": 0, "max": 1},
    )
    lm_gen_min_p: float | None = field(
        default=None,
        metadata={
            "help": "Sample from tokens that are at least so many times as likely as the likeliest one.",
            "min": 0,
            "max": 1,
        },
    )
    lm_gen_typical_p: float | None = field(
        default=None,
        metadata={
            "help": "Sample from the tokens, with this probability together, whose information is nearest to the "
            "expected one.",
            "exclusive_min": 0,
            "max": 1,
        },
    )
    lm_gen_repetition_penalty: float | None = field(
        default=None,
        metadata={"help": "Makes tokens that have occurred less likely. 1: no penalty.", "exclusive_min": 0},
    )
    lm_gen_seed: int | None = field(
        default=None,
        metadata={
            "help": "The seed of sampling: the same prompt gets the same reply. none: another reply each time.",
            "min": 0,
            "max": 4294967295,
        },
    )
