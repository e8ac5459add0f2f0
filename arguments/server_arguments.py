"""Options of the server as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ServerArguments:
    """Server."""

    log_level: str = field(
        default="info",
        metadata={
            "help": "How much the log says; debug explains every decision.",
            "choices": ("debug", "info", "warning", "error"),
        },
    )
    device: str = field(
        default="auto",
        metadata={
            "help": "Where the models run: auto (cuda, else mps, else cpu), cpu, cuda, cuda:1, mps.",
            "pattern": r"auto|cpu|cuda(:\d+)?|mps",
            "pattern_help": "auto, cpu, cuda, cuda:N or mps",
        },
    )
    stt: str = field(default="whisper", metadata={"help": "The speech-to-text backend: whisper."})
    lm: str = field(default="transformers", metadata={"help": "The language model backend: transformers."})
    tts: str = field(default="parler", metadata={"help": "The text-to-speech backend: parler or piper."})
    metrics_file: str | None = field(
        default=None, metadata={"help": "Append each turn's figures to this file, a JSON object a line."}
    )
    metrics_port: int | None = field(
        default=None,
        metadata={
            "help": "Serve the turns' figures to Prometheus on this port, at /metrics; 0 is any free one.",
            "min": 0,
            "max": 65535,
        },
    )
    metrics_host: str = field(
        default="localhost",
        metadata={
            "help": "Where to listen for scrapers; 0.0.0.0 is every address.",
            "pattern": r"\S+",
            "pattern_help": "a host name or an address",
        },
    )
