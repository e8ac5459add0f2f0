"""Options of a language model in Transformers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from arguments.lm_arguments import LMArguments


@dataclass(frozen=True)
class LanguageModelHandlerArguments(LMArguments):
    """Language model (--lm transformers)."""

    part: ClassVar[str] = "lm"
    backend: ClassVar[str] = "transformers"
    handler: ClassVar[str] = "handlers.language_model.handler:LanguageModelHandler"
    prefix: ClassVar[str] = "lm_"
    gen_prefix: ClassVar[str] = "lm_gen_"
    generate: ClassVar[str] = "causal"

    lm_model_name: str = field(
        default="microsoft/Phi-3-mini-4k-instruct",
        metadata={
            "help": "Any instruct model: its name on the Hugging Face hub, a folder, or bundled:smollm2-135m-instruct.",
            "pattern": r"\S.*",
            "pattern_help": "the name of a model",
        },
    )
    lm_device: str | None = field(
        default=None,
        metadata={
            "help": "The device of this part, instead of --device.",
            "pattern": r"auto|cpu|cuda(:\d+)?|mps",
            "pattern_help": "auto, cpu, cuda, cuda:N or mps",
        },
    )
    lm_torch_dtype: str = field(
        default="auto",
        metadata={
            "help": "Number format. auto: float16 on cuda and mps, bfloat16 on CPUs that compute in it, else float32.",
            "choices": ("auto", "float32", "float16", "bfloat16"),
        },
    )
    lm_compile_mode: str | None = field(
        default=None,
        metadata={
            "help": "torch.compile mode of the step that makes a token. On a CPU every mode but none works as default.",
            "choices": (None, "default", "reduce-overhead", "max-autotune"),
        },
    )
    lm_quantize: str | None = field(
        default=None,
        metadata={
            "help": "int8: keep the weights in 8 bits, on a CPU. This needs the package torchao. For 4 bits use "
            "--lm llama_cpp.",
            "choices": (None, "int8"),
            "refused": {"int4": "Transformers has no 4 bits for CPUs: use --lm llama_cpp, which runs GGUF files"},
        },
    )
    lm_trust_remote_code: bool = field(
        default=False,
        metadata={"help": "Run code from the model's repository. Use it only for a repository that you trust."},
    )
    extra_gen: dict[str, Any] = field(default_factory=dict, metadata={"option": False})
    """Further options of `generate`, which have no field here: name without `lm_gen_` → value."""
