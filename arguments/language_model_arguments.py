"""Options of the language model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class LanguageModelHandlerArguments:
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
            "help": "Keep the weights in 8 or 4 bits, on a CPU. int8 is for any model, int4 for models that were "
            "published in 4 bits.",
            "choices": (None, "int8", "int4"),
        },
    )
    lm_trust_remote_code: bool = field(
        default=False,
        metadata={"help": "Run code from the model's repository. Use it only for a repository that you trust."},
    )
    user_role: str = field(default="user", metadata={"help": "The chat role of what the user says."})
    init_chat_role: str | None = field(
        default=None,
        metadata={"help": "The chat role of the first prompt, such as system. none: there is no first prompt."},
    )
    init_chat_prompt: str = field(
        default="You are a helpful AI assistant.",
        metadata={"help": "The first prompt. It is used only with --init_chat_role."},
    )
    chat_size: int = field(
        default=10, metadata={"help": "How many question and answer pairs the model remembers.", "min": 0, "max": 1000}
    )
    lm_gen_max_new_tokens: int = field(
        default=256, metadata={"help": "The most tokens that a reply may have.", "min": 1, "max": 8192}
    )
    lm_gen_temperature: float = field(
        default=0.0,
        metadata={"help": "The temperature of sampling. 0 takes the most likely token.", "min": 0.0, "max": 10.0},
    )
    lm_gen_do_sample: bool = field(
        default=False, metadata={"help": "Sample each token instead of taking the most likely one."}
    )
    extra_gen: dict[str, Any] = field(default_factory=dict, metadata={"option": False})
    """Further options of `generate`, which have no field here: name without `lm_gen_` → value."""
