"""When each part of a turn happened, from the user's first sound to the end of the reply. Timelines use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from utils.turns.attempts import Ended


@dataclass(frozen=True)
class Moments:
    """When each part of a turn happened. Moments count in seconds from the start of the conversation.

    A field is None where the turn did not get that far.
    """

    conversation_at: float
    """When the conversation started, in seconds since 1970. Turns with the same value are of one conversation."""

    spoke_from: float | None
    """The start of the first voiced frame of this turn."""

    spoke_until: float
    """The end of the last voiced frame of this turn."""

    begun_early: tuple[float, ...]
    """The begin of each attempt that began before the turn was over."""

    begun: float
    """The begin of the attempt that these figures are about."""

    committed: float
    """When the turn was found to be over."""

    transcript: float | None
    """When the transcript was ready."""

    first_sentence: float | None
    """When the language model had written the first text for the voice."""

    first_audio: float | None
    """When the voice had made its first audio."""

    first_byte: float | None
    """When the first byte of the reply was sent."""

    heard_until: float | None
    """When the listener has heard the last sample of the reply that was sent."""

    holds: tuple[tuple[float, float], ...]
    """(from, to) of each pause of the reply for a sound. The pause of an interruption ends with the reply."""

    cancelled: float | None
    """When the reply was given up, since the user spoke over it or hung up."""


@dataclass(frozen=True)
class Beginning:
    """When a conversation started, on two clocks."""

    clock: float
    """Seconds on the conversation's own clock."""

    unix: float
    """Seconds since 1970."""


class TimedRecord(Protocol):
    """What is known of an attempt. Moments are seconds on the conversation's own clock."""

    first_voiced_at: float | None
    """The start of the first voiced frame of the turn."""

    last_voiced_at: float
    """The end of the last voiced frame of the turn."""

    speculative_begins: list[float]
    """The begin of each attempt that began before the turn was over, in any order."""

    begun_at: float
    """The begin of this attempt."""

    committed_at: float
    """When the turn was found to be over."""

    transcript_at: float | None
    """When the transcript was ready."""

    first_sentence_at: float | None
    """When the first text for the voice was ready."""

    first_audio_at: float | None
    """When the first audio was ready."""

    first_byte_at: float | None
    """When the first byte of the reply was sent."""

    heard_until: float | None
    """When the listener has heard the last sample that was sent."""

    cancelled_at: float | None
    """When the reply was given up."""


def moments(record: TimedRecord, ended: Ended, beginning: Beginning) -> Moments:
    """The moments of an attempt that has ended."""

    def since(moment: float) -> float:
        return round(moment - beginning.clock, 3)

    def perhaps(moment: float | None) -> float | None:
        return None if moment is None else since(moment)

    return Moments(
        conversation_at=round(beginning.unix, 3),
        spoke_from=perhaps(record.first_voiced_at),
        spoke_until=since(record.last_voiced_at),
        begun_early=tuple(map(since, sorted(record.speculative_begins))),
        begun=since(record.begun_at),
        committed=since(record.committed_at),
        transcript=perhaps(record.transcript_at),
        first_sentence=perhaps(record.first_sentence_at),
        first_audio=perhaps(record.first_audio_at),
        first_byte=perhaps(record.first_byte_at),
        heard_until=perhaps(record.heard_until),
        holds=tuple((since(start), since(end)) for start, end in ended.holds),
        cancelled=perhaps(record.cancelled_at),
    )
