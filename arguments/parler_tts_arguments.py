"""Options of text to speech with Parler-TTS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class ParlerTTSHandlerArguments:
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
            "help": "Any Parler-TTS checkpoint, fine-tuned ones too: of the hub, or a folder.",
            "pattern": r"\S.*",
            "pattern_help": "the name of a model",
        },
    )
    tts_device: str | None = field(
        default=None,
        metadata={
            "help": "Overrides --device for this part.",
            "pattern": r"auto|cpu|cuda(:\d+)?|mps",
            "pattern_help": "auto, cpu, cuda, cuda:N or mps",
        },
    )
    tts_torch_dtype: str = field(
        default="auto",
        metadata={
            "help": "Number format: auto is float16 on cuda and mps, float32 on cpu.",
            "choices": ("auto", "float32", "float16", "bfloat16"),
        },
    )
    tts_compile_mode: str | None = field(
        default=None,
        metadata={
            "help": "torch.compile mode; the voice streams all the same.",
            "choices": (None, "default", "reduce-overhead", "max-autotune"),
        },
    )
    tts_gen_min_new_tokens: int | None = field(
        default=None, metadata={"help": "The shortest sentence, in codec frames (86 a second).", "min": 0, "max": 2580}
    )
    tts_gen_max_new_tokens: int = field(
        default=2580, metadata={"help": "The longest sentence, in codec frames; 2580 is 30 s.", "min": 10, "max": 2580}
    )
    description: str = field(
        default=(
            "A female speaker with a slightly low-pitched voice delivers her words quite expressively, in a very "
            "confined sounding environment with clear audio quality. She speaks very fast."
        ),
        metadata={"help": "How the voice should sound, in words."},
    )
    tts_language: str = field(
        default="en",
        metadata={
            "help": "Language (ISO 639) in which numbers are spelled, English abbreviations and units too.",
            "pattern": r"[a-z]{2,3}",
            "pattern_help": "an ISO 639 code such as en, de or fr",
        },
    )
    play_steps_s: float = field(
        default=0.2,
        metadata={
            "help": "Seconds of audio in the first chunk; later ones grow as far as the listener does not notice.",
            "exclusive_min": 0.0,
            "max": 30.0,
        },
    )
    max_prompt_pad_length: int = field(
        default=8,
        metadata={
            "help": "A compiled voice has room for descriptions of 2 to this power tokens; longer ones run uncompiled.",
            "min": 0,
            "max": 12,
        },
    )
    extra_gen: dict[str, Any] = field(default_factory=dict, metadata={"option": False})
