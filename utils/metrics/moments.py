"""When what of a turn happened, from the user's first sound to the reply's last: what a timeline is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from utils.turns.attempts import Ended


@dataclass(frozen=True)
class Moments:
    """All in seconds since the conversation began, but its own beginning; None where the turn did not come so far.

    conversation_at: when that was, seconds since 1970; turns that have it in common are of one conversation.
    spoke_from, spoke_until: where the user's first voiced frame of this turn begins and the last one ends.
    begun_early: each attempt that was begun before the turn was over. begun: the one that this turn is about.
    committed: the turn was over. transcript, first_sentence, first_audio: a stage had its first output. first_byte: of
    the reply was sent. heard_until: the last sample that was sent of it has been played.
    holds: (from, to) of each time the reply was held for a sound; that of an interruption ends with the reply.
    cancelled: the reply was given up, for the user spoke over it, or hung up.
    """

    conversation_at: float
    spoke_from: float | None
    spoke_until: float
    begun_early: tuple[float, ...]
    begun: float
    committed: float
    transcript: float | None
    first_sentence: float | None
    first_audio: float | None
    first_byte: float | None
    heard_until: float | None
    holds: tuple[tuple[float, float], ...]
    cancelled: float | None


@dataclass(frozen=True)
class Beginning:
    """Of a conversation. clock: on its own clock, seconds; unix: the same moment in seconds since 1970."""

    clock: float
    unix: float


class TimedRecord(Protocol):
    """What is known of an attempt; moments in seconds on the conversation's clock."""

    first_voiced_at: float | None
    last_voiced_at: float
    speculative_begins: list[float]
    begun_at: float
    committed_at: float
    transcript_at: float | None
    first_sentence_at: float | None
    first_audio_at: float | None
    first_byte_at: float | None
    heard_until: float | None
    cancelled_at: float | None


def moments(record: TimedRecord, ended: Ended, beginning: Beginning) -> Moments:
    """Of a record whose attempt has ended."""

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
