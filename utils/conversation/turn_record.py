"""What is known of one attempt at answering, and the figures that come of it when it has ended.

All moments are seconds on the conversation's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from utils.audio.wire import REPLY_RATE
from utils.metrics.figures import TurnMetrics
from utils.metrics.moments import Beginning, moments
from utils.turns.attempts import Ended, State
from utils.turns.chat import SpokenSentence


class PlayingPosition(Protocol):
    """Knows how much of the reply that is being sent has been heard."""

    def heard(self, now: float) -> int:
        """Samples of this reply that have been heard."""

    def ends_at(self) -> float:
        """When all that was sent has been heard: seconds on the clock."""


@dataclass
class TurnRecord:
    """One attempt, from its `Utterance` to its end."""

    last_voiced_at: float
    """When the user's voice was last heard."""

    begun_at: float
    """When the attempt began: its `Utterance` was given out."""

    committed_at: float
    """When the turn was found to be over; until that is known, the same as `begun_at`."""

    speculative: bool = False
    """It began in a pause, before the turn was over."""

    turn_over: bool = False
    """The turn was found to be over."""

    first_voiced_at: float | None = None
    """When the user's voice was first heard in this turn."""

    speculative_begins: list[float] = field(default_factory=list)
    """When speculative attempts at this turn began: this one, and those that it superseded."""

    transcript_at: float | None = None
    """When the words were known."""

    first_sentence_at: float | None = None
    """When the first `Sentence` of the reply was given out."""

    first_audio_at: float | None = None
    """When the first samples of the reply were given out."""

    voice_began: bool = False
    """The voice has given out something for the first sentence, be it without samples."""

    first_byte_at: float | None = None
    """When the reply began to be sent."""

    waited_s: dict[str, float] = field(default_factory=dict)
    """The moment's name, such as `transcript_at` → seconds until the next stage took the message."""

    end_of_turn_score: float | None = None
    """The probability with which the turn was found to be over, where it was judged."""

    settled_at: float | None = None
    """When a younger attempt was found to answer the same words, so that this one went on."""

    underruns: int = 0
    """How often the listener had heard everything before more was there."""

    user_text: str = ""
    """What the user said in this turn."""

    sentences: list[SpokenSentence] = field(default_factory=list)
    """What was sent of the reply."""

    unshown: str = ""
    """The pieces of the sentence whose last piece has not been sent yet."""

    position: PlayingPosition | None = None
    """Where the listener is in the reply."""

    heard_when_ended: int = 0
    """How much of the reply had been heard when the attempt ended: samples, 44.1 kHz."""

    heard_until: float | None = None
    """When the last sample that was sent has been played."""

    cancelled_at: float | None = None
    """When the user interrupted the reply, or hung up."""

    failed: bool = False
    """A stage broke."""

    @property
    def sent(self) -> int:
        """How much of the reply was sent: samples, 44.1 kHz."""
        return sum(sentence.samples for sentence in self.sentences)

    def goes_on_for(self, younger: TurnRecord, now: float) -> None:
        """The user has made a sound since, and said the same words: the younger one knows when the turn ended."""
        if self.first_byte_at is not None:
            return
        self.last_voiced_at, self.settled_at = younger.last_voiced_at, now
        if younger.turn_over:
            self.turn_over, self.committed_at = True, younger.committed_at
            self.end_of_turn_score = younger.end_of_turn_score

    def end(self, ended: Ended, now: float) -> None:
        """Note what the listener had heard by then."""
        if ended.state is State.DONE or self.position is None:
            self.heard_when_ended = self.sent
        else:
            self.heard_when_ended = self.position.heard(now)
        self.heard_until = None if self.position is None else self.position.ends_at()
        self.cancelled_at = now if was_interrupted(ended) else None


def was_interrupted(ended: Ended) -> bool:
    """The user spoke over the reply, or hung up."""
    return ended.state is State.CANCELLED and ended.heard


def turn_metrics(ended: Ended, record: TurnRecord, beginning: Beginning) -> TurnMetrics:
    """The figures of a turn whose attempt has ended."""
    ready = [record.first_audio_at, record.committed_at, record.settled_at]  # audio may be there before it is wanted
    ready_at = None if record.first_audio_at is None else max(moment for moment in ready if moment is not None)
    last_leg = _between(ready_at, record.first_byte_at)
    waited = 1_000 * sum(record.waited_s.values())
    return TurnMetrics(
        turn=ended.turn,
        commit_ms=_between(record.last_voiced_at, record.committed_at),
        stt_ms=_between(record.begun_at, record.transcript_at),
        lm_first_sentence_ms=_between(record.transcript_at, record.first_sentence_at),
        tts_first_audio_ms=_between(record.first_sentence_at, record.first_audio_at),
        between_stages_ms=None if last_leg is None else round(waited + last_leg, 1),
        voice_to_voice_ms=_between(record.last_voiced_at, record.first_byte_at),
        reply_audio_ms=_milliseconds(record.sent),
        interrupted=was_interrupted(ended),
        interrupted_at_ms=_milliseconds(record.heard_when_ended) if was_interrupted(ended) else None,
        false_interruptions=ended.false_interruptions,
        end_of_turn_score=None if record.end_of_turn_score is None else round(record.end_of_turn_score, 3),
        speculative_attempts=len(record.speculative_begins),
        speculation_hit=record.speculative,
        underruns=record.underruns,
        begun_ms=_between(record.last_voiced_at, record.begun_at),
        failed=record.failed,
        moments=moments(record, ended, beginning),
    )


def _between(start: float | None, end: float | None) -> float | None:
    """Milliseconds from one moment to another; None where one of them never came."""
    return None if start is None or end is None else round(max(0.0, end - start) * 1000, 1)


def _milliseconds(samples: int) -> float:
    return round(samples / REPLY_RATE * 1000, 1)
