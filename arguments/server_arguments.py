"""Options of the server as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ServerArguments:
    """Server."""

    log_level: str = field(
        default="info",
        metadata={
            "help": "How much the log says. debug explains every decision.",
            "choices": ("debug", "info", "warning", "error"),
        },
    )
    device: str = field(
        default="auto",
        metadata={
            "help": "Where the models run: cpu, cuda, cuda:1 or mps. auto takes cuda, else mps, else cpu.",
            "pattern": r"auto|cpu|cuda(:\d+)?|mps",
            "pattern_help": "auto, cpu, cuda, cuda:N or mps",
        },
    )
    stt: str = field(default="whisper", metadata={"help": "The speech-to-text backend: whisper."})
    lm: str = field(default="transformers", metadata={"help": "The language model backend: transformers or llama_cpp."})
    tts: str = field(default="parler", metadata={"help": "The text-to-speech backend: parler or piper."})
    metrics_file: str | None = field(
        default=None, metadata={"help": "A file that the figures of each turn are appended to, as one line of JSON."}
    )
    metrics_port: int | None = field(
        default=None,
        metadata={
            "help": "A port that serves the figures of all turns to Prometheus, at /metrics. 0 takes any free port.",
            "min": 0,
            "max": 65535,
        },
    )
    metrics_host: str = field(
        default="localhost",
        metadata={
            "help": "The address to listen on for Prometheus. 0.0.0.0 is every address.",
            "pattern": r"\S+",
            "pattern_help": "a host name or an address",
        },
    )
