"""Options of speech to text with Whisper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class WhisperSTTHandlerArguments:
    """Speech to text (--stt whisper)."""

    part: ClassVar[str] = "stt"
    backend: ClassVar[str] = "whisper"
    handler: ClassVar[str] = "handlers.whisper.handler:WhisperSTTHandler"
    prefix: ClassVar[str] = "stt_"
    gen_prefix: ClassVar[str] = "stt_gen_"
    generate: ClassVar[str] = "whisper"

    stt_model_name: str = field(
        default="distil-whisper/distil-large-v3",
        metadata={
            "help": "Any Whisper checkpoint: its name on the Hugging Face hub, a folder, or bundled:whisper-tiny.en.",
            "pattern": r"\S.*",
            "pattern_help": "the name of a model",
        },
    )
    stt_device: str | None = field(
        default=None,
        metadata={
            "help": "The device of this part, instead of --device.",
            "pattern": r"auto|cpu|cuda(:\d+)?|mps",
            "pattern_help": "auto, cpu, cuda, cuda:N or mps",
        },
    )
    stt_torch_dtype: str = field(
        default="auto",
        metadata={
            "help": "Number format. auto: float16 on cuda and mps, bfloat16 on CPUs that compute in it, else float32.",
            "choices": ("auto", "float32", "float16", "bfloat16"),
        },
    )
    stt_compile_mode: str | None = field(
        default=None,
        metadata={
            "help": "The torch.compile mode of encoder and decoder. On a CPU every mode but none works as default.",
            "choices": (None, "default", "reduce-overhead", "max-autotune"),
        },
    )
    stt_no_speech_threshold: float = field(
        default=0.6,
        metadata={
            "help": "Text that repeats itself is silence where the probability of no speech is higher.",
            "min": 0.0,
            "max": 1.0,
        },
    )
    stt_logprob_threshold: float = field(
        default=-1.0,
        metadata={
            "help": "Text counts as silence if its mean log-probability plus log(1 - no-speech probability) is lower.",
            "max": 0.0,
        },
    )
    stt_window_s: float = field(
        default=30.0,
        metadata={
            "help": "How many seconds the encoder reads if the utterance is shorter. Less than 30 is faster on a CPU. "
            "Only tiny.en was measured.",
            "min": 1.0,
            "max": 30.0,
        },
    )
    stt_gen_max_new_tokens: int = field(
        default=128,
        metadata={
            "help": "The most tokens that Whisper says at once. Where speech has more, it is heard again in halves.",
            "min": 1,
            "max": 444,
        },
    )
    stt_gen_num_beams: int = field(default=1, metadata={"help": "How many beams the search has.", "min": 1, "max": 16})
    stt_gen_return_timestamps: bool = field(
        default=False, metadata={"help": "Let Whisper predict timestamps. They are not shown."}
    )
    stt_gen_task: str = field(
        default="transcribe",
        metadata={
            "help": "transcribe, or translate into English. To translate takes a multilingual checkpoint.",
            "choices": ("transcribe", "translate"),
        },
    )
    stt_gen_language: str = field(
        default="en", metadata={"help": "The spoken language. auto detects it, with a multilingual checkpoint."}
    )
    extra_gen: dict[str, Any] = field(default_factory=dict, metadata={"option": False})
    """Further options of `generate`, which have no field here: name without `stt_gen_` → value."""
