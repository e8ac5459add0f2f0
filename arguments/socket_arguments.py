"""Options of the two connections."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SocketArguments:
    """Connections."""

    recv_host: str = field(
        default="localhost",
        metadata={
            "help": "The address to listen on for microphones. 0.0.0.0 is every address.",
            "pattern": r"\S+",
            "pattern_help": "a host name or an address",
        },
    )
    recv_port: int = field(
        default=12345, metadata={"help": "The port of the microphone. 0 takes any free port.", "min": 0, "max": 65535}
    )
    send_host: str = field(
        default="localhost",
        metadata={
            "help": "The address to listen on for speakers. 0.0.0.0 is every address.",
            "pattern": r"\S+",
            "pattern_help": "a host name or an address",
        },
    )
    send_port: int = field(
        default=12346, metadata={"help": "The port of the speaker. 0 takes any free port.", "min": 0, "max": 65535}
    )
    chunk_size: int = field(
        default=1024,
        metadata={"help": "The most bytes that are read from the microphone at a time.", "min": 2, "max": 1048576},
    )
    send_lead_ms: int = field(
        default=200,
        metadata={
            "help": "How many ms the reply is sent ahead of its playing. After an interruption so much is still heard.",
            "min": 20,
            "max": 2000,
        },
    )
