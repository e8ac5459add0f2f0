"""Options that every voice has, whatever runs it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TTSArguments:
    """What the dataclasses of the voices inherit."""

    tts_code_phrase: str | None = field(
        default=None,
        metadata={
            "help": (
                "What is said where a reply has a block of code. none: a phrase in the voice's language, where one is "
                'known. "": nothing.'
            )
        },
    )
