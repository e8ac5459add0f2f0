"""Options of the voice activity detection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class VADHandlerArguments:
    """Voice activity detection (silero)."""

    part: ClassVar[str] = "vad"
    backend: ClassVar[str] = "silero"
    handler: ClassVar[str] = "handlers.vad.handler:VADHandler"
    prefix: ClassVar[str] = "vad_"

    thresh: float = field(
        default=0.3,
        metadata={
            "help": "A frame whose voice probability reaches this is speech.",
            "exclusive_min": 0.0,
            "exclusive_max": 1.0,
        },
    )
    sample_rate: int = field(
        default=16000, metadata={"help": "The rate of what arrives from the microphone, Hz.", "choices": (8000, 16000)}
    )
    min_silence_ms: float = field(
        default=250.0, metadata={"help": "So much silence ends an utterance.", "min": 32, "max": 60000}
    )
    min_speech_ms: float = field(
        default=120.0,
        metadata={"help": 'Fewer voiced milliseconds are a noise; a spoken "yes" has 200.', "min": 0, "max": 10000},
    )
    max_speech_ms: float = field(
        default=float("inf"),
        metadata={"help": "A longer utterance is transcribed in parts, split at its best pause.", "min": 1000},
    )
    speech_pad_ms: float = field(
        default=300.0,
        metadata={"help": "So much audio is kept before and after the voiced frames.", "min": 0, "max": 2000},
    )
    turn_detection: str = field(
        default="auto",
        metadata={
            "help": "What ends a turn: silence alone (vad), or also whether the sentence sounds complete (smart); "
            "auto is smart where its model is there.",
            "choices": ("auto", "vad", "smart"),
        },
    )
    turn_model_name: str = field(
        default="bundled:smart-turn-v3.2",
        metadata={"help": "The smart-turn model: bundled, a folder or file, or of the hub (pipecat-ai/smart-turn-v3)."},
    )
    turn_thresh: float = field(
        default=0.5,
        metadata={"help": "From this probability on a sentence sounds complete.", "min": 0.0, "max": 1.0},
    )
    max_pause_ms: float = field(
        default=1500.0,
        metadata={"help": "So much silence ends also a turn that does not sound complete.", "min": 32, "max": 60000},
    )
    allow_interruptions: bool = field(
        default=True, metadata={"help": "Hear the user while a reply is heard; false is half-duplex."}
    )
    min_interruption_ms: float = field(
        default=160.0,
        metadata={"help": "Fewer voiced milliseconds over a reply are a noise.", "min": 0, "max": 10000},
    )
    speculative_silence_ms: float = field(
        default=32.0,
        metadata={
            "help": "After so much silence the answer is begun, and dropped if you go on; 0 waits for the turn's end.",
            "min": 0,
            "max": 60000,
        },
    )
