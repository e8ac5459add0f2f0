"""Options of text to speech with Parler-TTS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from arguments.tts_arguments import TTSArguments


@dataclass(frozen=True)
class ParlerTTSHandlerArguments(TTSArguments):
    """Text to speech (--tts parler)."""

    part: ClassVar[str] = "tts"
    backend: ClassVar[str] = "parler"
    handler: ClassVar[str] = "handlers.parler.handler:ParlerTTSHandler"
    prefix: ClassVar[str] = "tts_"
    gen_prefix: ClassVar[str] = "tts_gen_"
    generate: ClassVar[str] = "parler"

    tts_model_name: str = field(
        default="parler-tts/parler-tts-mini-v1",
        metadata={
            "help": "Any Parler-TTS checkpoint, also a fine-tuned one: its name on the Hugging Face hub, or a folder.",
            "pattern": r"\S.*",
            "pattern_help": "the name of a model",
        },
    )
    tts_device: str | None = field(
        default=None,
        metadata={
            "help": "The device of this part, instead of --device.",
            "pattern": r"auto|cpu|cuda(:\d+)?|mps",
            "pattern_help": "auto, cpu, cuda, cuda:N or mps",
        },
    )
    tts_torch_dtype: str = field(
        default="auto",
        metadata={
            "help": "The number format. auto is float16 on cuda and mps, and float32 on a CPU.",
            "choices": ("auto", "float32", "float16", "bfloat16"),
        },
    )
    tts_compile_mode: str | None = field(
        default=None,
        metadata={
            "help": "The torch.compile mode. The voice streams in every mode.",
            "choices": (None, "default", "reduce-overhead", "max-autotune"),
        },
    )
    tts_gen_min_new_tokens: int | None = field(
        default=None,
        metadata={"help": "The fewest codec frames that a sentence may have. A second has 86.", "min": 0, "max": 2580},
    )
    tts_gen_max_new_tokens: int = field(
        default=2580,
        metadata={
            "help": "The most codec frames that a sentence may have. 2580 frames are 30 s.",
            "min": 10,
            "max": 2580,
        },
    )
    description: str = field(
        default=(
            "A female speaker with a slightly low-pitched voice delivers her words quite expressively, in a very "
            "confined sounding environment with clear audio quality. She speaks very fast."
        ),
        metadata={"help": "A description, in words, of how the voice should sound."},
    )
    tts_language: str = field(
        default="en",
        metadata={
            "help": "The language (ISO 639) in which numbers, dates, units and abbreviations are spelled out.",
            "pattern": r"[a-z]{2,3}",
            "pattern_help": "an ISO 639 code such as en, de or fr",
        },
    )
    play_steps_s: float = field(
        default=0.2,
        metadata={
            "help": "Seconds of audio in the first chunk. Later chunks grow, as far as the listener hears no gap.",
            "exclusive_min": 0.0,
            "max": 30.0,
        },
    )
    max_prompt_pad_length: int = field(
        default=8,
        metadata={
            "help": "A compiled voice takes descriptions of up to 2 to this power tokens. Longer ones run uncompiled.",
            "min": 0,
            "max": 12,
        },
    )
    extra_gen: dict[str, Any] = field(default_factory=dict, metadata={"option": False})
    """Further options of `generate`, which have no field here: name without `tts_gen_` → value."""
