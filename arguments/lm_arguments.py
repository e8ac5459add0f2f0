"""Options that every language model has, whatever runs it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LMArguments:
    """What the dataclasses of the language model's backends inherit."""

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
        default=False,
        metadata={
            "help": "Sample each token instead of taking the most likely one. It needs a temperature above 0, and if "
            "such a temperature is given, it is true unless it is given too.",
            "implied_by": "lm_gen_temperature",
        },
    )
