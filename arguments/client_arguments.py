"""The client's options, with their defaults and their help."""

from __future__ import annotations

from dataclasses import dataclass, field

PORTS = {"min": 1, "max": 65_535}
RATES = {"min": 4_000, "max": 192_000}


@dataclass(frozen=True)
class ClientArguments:
    """Client: where the server is, and what it hears and speaks with on this machine."""

    host: str = field(
        default="localhost", metadata={"help": "The machine that the server runs on: a name or an address."}
    )
    send_port: int = field(
        default=12_345,
        metadata={"help": "The server's port that receives the microphone (the server's --recv_port).", **PORTS},
    )
    recv_port: int = field(
        default=12_346,
        metadata={"help": "The server's port that sends the reply (the server's --send_port).", **PORTS},
    )
    send_rate: int = field(
        default=16_000,
        metadata={
            "help": "Sample rate of the audio that is sent, in Hz: the server's --sample_rate, 16000 or 8000.",
            **RATES,
        },
    )
    recv_rate: int = field(
        default=44_100, metadata={"help": "Sample rate of the audio that is received, in Hz.", **RATES}
    )
    list_play_chunk_size: int = field(
        default=1_024,
        metadata={
            "help": "Samples that the sound card moves at a time. Fewer mean less delay, more mean fewer gaps.",
            "min": 16,
            "max": 65_536,
        },
    )
    input: str | None = field(
        default=None,
        metadata={
            "help": "A WAV file that is sent in real time instead of the microphone. The client ends after the answer."
        },
    )
    output: str | None = field(
        default=None,
        metadata={
            "help": "A WAV file that takes the reply instead of the speaker. The client ends after one conversation."
        },
    )
    input_device: str | None = field(
        default=None, metadata={"help": "The microphone: its number in --list_devices, or a part of its name."}
    )
    output_device: str | None = field(
        default=None, metadata={"help": "The speaker: its number in --list_devices, or a part of its name."}
    )
    list_devices: bool = field(default=False, metadata={"help": "List the microphones and speakers, then end."})
    echo_cancellation: str = field(
        default="auto",
        metadata={
            "help": "Remove the assistant's voice from what the microphone hears, so that you can interrupt it. "
            "auto: only where livekit is installed. on: end with an error where it is missing. off: for headphones.",
            "choices": ("auto", "on", "off"),
        },
    )
    mute_while_playing: bool | None = field(
        default=None,
        metadata={
            "help": "Send nothing while a reply plays. none: only where the echo should be cancelled and can't be."
        },
    )
    connect_timeout_s: float = field(
        default=30.0,
        metadata={
            "help": "With --input or --output: how many seconds to wait for a server that is missing or busy. "
            "Without them the client waits for ever.",
            "min": 0.0,
        },
    )
