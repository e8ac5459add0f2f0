"""Options of text to speech with Piper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from arguments.tts_arguments import TTSArguments


@dataclass(frozen=True)
class PiperTTSHandlerArguments(TTSArguments):
    """Text to speech (--tts piper)."""

    part: ClassVar[str] = "tts"
    backend: ClassVar[str] = "piper"
    handler: ClassVar[str] = "handlers.piper.handler:PiperTTSHandler"
    in_pytorch: ClassVar[bool] = False
    prefix: ClassVar[str] = "tts_"

    tts_model_name: str = field(
        default="bundled:piper-en_US-joe-medium",
        metadata={
            "help": "A Piper voice: a folder with its .onnx and .onnx.json files, or bundled:piper-en_US-joe-medium.",
            "pattern": r"\S.*",
            "pattern_help": "the name of a model",
        },
    )
    tts_device: str | None = field(
        default=None,
        metadata={
            "help": "It has no effect: Piper always runs on the CPU.",
            "pattern": r"auto|cpu|cuda(:\d+)?|mps",
            "pattern_help": "auto, cpu, cuda, cuda:N or mps",
        },
    )
    tts_length_scale: float = field(
        default=1.0,
        metadata={"help": "How long speaking takes: 0.5 is twice as fast, 2 is half as fast.", "min": 0.25, "max": 4.0},
    )
    tts_speaker_id: int | None = field(
        default=None, metadata={"help": "The number of the speaker, where a voice has several.", "min": 0}
    )
