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
    in_pytorch: ClassVar[bool] = False
    prefix: ClassVar[str] = "vad_"

    thresh: float = field(
        default=0.3,
        metadata={
            "help": "A frame is speech if its voice probability reaches this.",
            "exclusive_min": 0.0,
            "exclusive_max": 1.0,
        },
    )
    sample_rate: int = field(
        default=16000,
        metadata={"help": "The sample rate of the audio that the client sends, in Hz.", "choices": (8000, 16000)},
    )
    min_silence_ms: float = field(
        default=250.0, metadata={"help": "How many ms of silence end an utterance.", "min": 32, "max": 60000}
    )
    min_speech_ms: float = field(
        default=120.0,
        metadata={"help": 'A sound with fewer ms of voice is a noise. A spoken "yes" has 200.', "min": 0, "max": 10000},
    )
    max_speech_ms: float = field(
        default=float("inf"),
        metadata={
            "help": "An utterance with more ms is transcribed in parts, which are split at its best pause.",
            "min": 1000,
        },
    )
    speech_pad_ms: float = field(
        default=300.0,
        metadata={"help": "How many ms of audio are kept before and after the voice.", "min": 0, "max": 2000},
    )
    turn_detection: str = field(
        default="auto",
        metadata={
            "help": "What ends a turn. vad: silence alone. smart: silence after a sentence that sounds complete. "
            "auto: smart where its model is installed, else vad.",
            "choices": ("auto", "vad", "smart"),
        },
    )
    turn_model_name: str = field(
        default="bundled:smart-turn-v3.2",
        metadata={"help": "The smart-turn model: bundled, a folder, a file, or on the hub (pipecat-ai/smart-turn-v3)."},
    )
    turn_thresh: float = field(
        default=0.5,
        metadata={"help": "A sentence sounds complete if its probability reaches this.", "min": 0.0, "max": 1.0},
    )
    max_pause_ms: float = field(
        default=1500.0,
        metadata={"help": "How many ms of silence end a turn that does not sound complete.", "min": 32, "max": 60000},
    )
    allow_interruptions: bool = field(
        default=True, metadata={"help": "Listen to the user while a reply plays. false is half-duplex."}
    )
    min_interruption_ms: float = field(
        default=160.0,
        metadata={"help": "A sound during a reply with fewer ms of voice is a noise.", "min": 0, "max": 10000},
    )
    speculative_silence_ms: float = field(
        default=32.0,
        metadata={
            "help": "How many ms of silence begin an answer. It is dropped if you go on. 0: wait for the turn's end.",
            "min": 0,
            "max": 60000,
        },
    )
