"""Options of the two connections."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SocketArguments:
    """Connections."""

    recv_host: str = field(
        default="localhost",
        metadata={
            "help": "Where to listen for microphones; 0.0.0.0 is every address.",
            "pattern": r"\S+",
            "pattern_help": "a host name or an address",
        },
    )
    recv_port: int = field(
        default=12345, metadata={"help": "The microphone's port; 0 is any free one.", "min": 0, "max": 65535}
    )
    send_host: str = field(
        default="localhost",
        metadata={
            "help": "Where to listen for speakers; 0.0.0.0 is every address.",
            "pattern": r"\S+",
            "pattern_help": "a host name or an address",
        },
    )
    send_port: int = field(
        default=12346, metadata={"help": "The speaker's port; 0 is any free one.", "min": 0, "max": 65535}
    )
    chunk_size: int = field(
        default=1024, metadata={"help": "Bytes read from the microphone at once, at most.", "min": 2, "max": 1048576}
    )
    send_lead_ms: int = field(
        default=200,
        metadata={
            "help": "How far ahead of its playing the reply is sent: the longest it goes on after an interruption.",
            "min": 20,
            "max": 2000,
        },
    )
