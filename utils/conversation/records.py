"""What happened in each turn: when each stage was done, what was said, what was heard of the reply.

The base loop reports every message that a stage gives out (`observe`) or begins on (`taken`), the sender what it
plays, and `Turns` the end of each attempt. From these come the chat's history (what the listener heard, not what the
model made), the lines on stdout and the metrics.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from utils.audio.wire import REPLY_RATE
from utils.conversation.messages import Message, ReplyAudio, ReplyEnd, Sentence, Transcript, Utterance
from utils.conversation.transcript import TranscriptOutput
from utils.metrics.figures import MetricsSink, TurnMetrics, latency_line
from utils.metrics.moments import Beginning, moments
from utils.turns.chat import Chat, SpokenSentence, heard_text
from utils.turns.interruptions import is_backchannel, is_echo
from utils.turns.turns import Ended, State


class PlayingPosition(Protocol):
    """Knows how much of the reply being sent has been heard (`handlers.sockets.pacing.Pacer`)."""

    def heard(self, now: float) -> int:
        """Samples of this reply that have been heard."""

    def ends_at(self) -> float:
        """When all that was sent has been heard: seconds on the clock."""


HANDED_OVER: dict[type, str] = {
    Utterance: "begun_at",
    Transcript: "transcript_at",
    Sentence: "first_sentence_at",
}  # when the first message of each type that a model works on was given out


@dataclass
class _Record:
    last_voiced_at: float
    begun_at: float
    committed_at: float
    early: bool = False  # begun before the turn was over
    over: bool = False  # that is known
    transcript_at: float | None = None
    first_sentence_at: float | None = None
    first_audio_at: float | None = None
    voice_began: bool = False  # it has given out something, if only that there is nothing to say
    first_byte_at: float | None = None
    waited_s: dict[str, float] = field(default_factory=dict)  # from HANDED_OVER to taken
    end_of_turn_score: float | None = None
    settled_at: float | None = None  # when a younger attempt was found to say the same
    early_attempts: int = 0
    underruns: int = 0
    user_text: str = ""
    sentences: list[SpokenSentence] = field(default_factory=list)
    unshown: str = ""  # the pieces of a sentence whose last one has not begun
    position: PlayingPosition | None = None
    heard_when_ended: int | None = None
    first_voiced_at: float | None = None
    early_begins: list[float] = field(default_factory=list)  # its own, and those of attempts that it followed
    heard_until: float | None = None
    cancelled_at: float | None = None
    failed: bool = False  # a stage broke

    def goes_on_for(self, younger: _Record, now: float) -> None:
        """The user has made a sound since, and said the same: the turn is as long as the younger one knows."""
        if self.first_byte_at is not None:
            return
        self.last_voiced_at, self.settled_at = younger.last_voiced_at, now
        if younger.over:
            self.over, self.committed_at, self.end_of_turn_score = True, younger.committed_at, younger.end_of_turn_score

    @property
    def sent(self) -> int:
        return sum(sentence.samples for sentence in self.sentences)


class TurnRecords:
    """The records of one conversation's live attempts. All methods may be called from any thread."""

    def __init__(
        self,
        chat: Chat,
        output: TranscriptOutput,
        clock: Callable[[], float],
        metrics: MetricsSink | None = None,
        unix_clock: Callable[[], float] = time.time,
    ) -> None:
        self._chat = chat
        self._output = output
        self._clock = clock
        self._sink = metrics
        self._beginning = Beginning(clock(), unix_clock())
        self._lock = threading.Lock()
        self._voice_changed = threading.Condition(self._lock)
        self._records: dict[int, _Record] = {}
        self._unreported: list[tuple[Ended, _Record]] = []
        self._unanswered = ""  # words of a superseded attempt that the next one has not answered yet
        self._early_attempts = 0  # superseded ones of the turn that waits for its answer
        self._early_begins: list[float] = []  # when these were begun

    # --- reported by the stages

    def observe(self, message: Message) -> None:
        """A stage gave out `message`: note when, once for each kind."""
        now = self._clock()
        with self._lock:
            if isinstance(message, Utterance):
                begun = _Record(message.last_voiced_at, now, now, message.early)
                begun.first_voiced_at, begun.early_begins = message.first_voiced_at, [now] * message.early
                self._records[message.attempt] = begun
                return
            record = self._records.get(getattr(message, "attempt", -1))
            if record is None:
                return
            if isinstance(message, Transcript):
                record.transcript_at, record.user_text = record.transcript_at or now, message.text
            elif isinstance(message, Sentence):
                record.first_sentence_at = record.first_sentence_at or now
            elif isinstance(message, ReplyAudio):
                record.voice_began = True
                self._voice_changed.notify_all()
                if len(message.samples):
                    record.first_audio_at = record.first_audio_at or now
            elif isinstance(message, ReplyEnd):
                record.failed = record.failed or message.failed

    def taken(self, message: Message) -> None:
        """A stage begins on `message`: note how long it waited, once for each kind."""
        if (handed_over := HANDED_OVER.get(type(message))) is None:
            return
        now = self._clock()
        with self._lock:
            record = self._records.get(getattr(message, "attempt", -1))
            if record is not None:
                record.waited_s.setdefault(handed_over, now - getattr(record, handed_over))

    def turn_over(self, attempt: int, score: float | None) -> None:
        """The user was found to be done. score: the probability of that, where it was judged."""
        with self._lock:
            record = self._records.get(attempt)
            if record is not None and record.first_byte_at is None:
                record.over, record.committed_at, record.end_of_turn_score = True, self._clock(), score

    def stt_ms(self, attempt: int) -> float | None:
        """How long the words of this attempt took to be found; None where they are not known."""
        with self._lock:
            record = self._records.get(attempt)
            return None if record is None else _between(record.begun_at, record.transcript_at)

    def wait_for_voice(self, attempt: int, timeout_s: float) -> bool:
        """Wait while the voice works on the first piece of this reply. False: it still does after so many seconds."""

        def begun() -> bool:
            record = self._records.get(attempt)
            return record is None or record.first_sentence_at is None or record.voice_began

        with self._voice_changed:
            return self._voice_changed.wait_for(begun, timeout_s)

    def interrupts(self, text: str) -> bool:
        """Whether these words, said over a reply, are meant to stop it."""
        with self._lock:
            spoken = [sentence.text for record in self._records.values() for sentence in record.sentences]
        return not is_backchannel(text) and not is_echo(text, " ".join(spoken))

    # --- reported by the sender

    def reply_starts(self, attempt: int, position: PlayingPosition) -> None:
        """The first byte is about to be sent: now the turn is answered, and the user's words are shown."""
        with self._lock:
            record = self._records.get(attempt)
            if record is None:
                return
            record.first_byte_at, record.position = self._clock(), position
            text, self._unanswered = record.user_text, ""
            record.early_attempts, self._early_attempts = self._early_attempts + record.early, 0
            record.early_begins, self._early_begins = self._early_begins + record.early_begins, []
        self._output.user(text)

    def sentence_starts(self, attempt: int, text: str, goes_on: bool = False) -> None:
        """The audio of a sentence is about to be sent, or that of a piece of it. goes_on: more of it will follow.

        A sentence is shown whole, with its last piece.
        """
        with self._lock:
            if (record := self._records.get(attempt)) is None:
                return
            record.sentences.append(SpokenSentence(text, 0, False))
            text = record.unshown + text
            record.unshown = text if goes_on else ""
        if text.strip() and not goes_on:
            self._output.assistant(text)

    def sent(self, attempt: int, samples: int, sentence_ended: bool) -> None:
        """So many samples more of the present sentence were sent; sentence_ended: these were its last."""
        with self._lock:
            record = self._records.get(attempt)
            if record is None or not record.sentences:
                return
            last = record.sentences[-1]
            record.sentences[-1] = replace(last, samples=last.samples + samples, complete=sentence_ended)

    def underrun(self, attempt: int) -> None:
        """The listener has heard everything, and more comes only now."""
        with self._lock:
            if (record := self._records.get(attempt)) is not None:
                record.underruns += 1

    # --- reported by Turns

    def ended(self, ended: Ended) -> None:
        """An attempt ended: settle the chat at once. Called under the lock of `Turns`, so nothing is printed here."""
        with self._lock:
            record = self._records.pop(ended.attempt, None)
            self._voice_changed.notify_all()
            if record is None:
                return
            if ended.superseded:
                self._early_attempts += record.early
                self._early_begins += record.early_begins
                self._unanswered = record.user_text or self._unanswered
                if (older := self._records.get(ended.continues_in or 0)) is not None:
                    older.goes_on_for(record, self._clock())
                return
            record.heard_when_ended = self._heard(ended, record)
            record.heard_until = None if record.position is None else record.position.ends_at()
            record.cancelled_at = self._clock() if _interrupted(ended) else None
            if record.first_byte_at is None:  # unanswered: its words may be those of an attempt it superseded
                record.user_text, self._unanswered = record.user_text or self._unanswered, ""
                record.early_attempts, self._early_attempts = self._early_attempts + record.early, 0
                record.early_begins, self._early_begins = self._early_begins + record.early_begins, []
            self._unreported.append((ended, record))
        if record.user_text:
            reply = heard_text(record.sentences, record.heard_when_ended) if record.sentences else ""
            self._chat.record(record.user_text, reply, interrupted=_interrupted(ended))

    def report(self) -> None:
        """Print and write what has ended since the last call. Called outside every lock."""
        with self._lock:
            unreported, self._unreported = self._unreported, []
        for ended, record in unreported:
            if record.user_text or record.failed:
                self._report(ended, record)

    def close(self) -> None:
        """The conversation is over: words that were never answered are shown all the same."""
        self.report()
        with self._lock:
            text, self._unanswered = self._unanswered, ""
        if text:
            self._output.user(text)

    def _heard(self, ended: Ended, record: _Record) -> int:
        if ended.state is State.DONE or record.position is None:
            return record.sent
        return record.position.heard(self._clock())

    def _report(self, ended: Ended, record: _Record) -> None:
        if record.first_byte_at is None and record.user_text:
            self._output.user(record.user_text)
        if record.unshown.strip():
            self._output.assistant(record.unshown)
        metrics = _metrics(ended, record, self._beginning)
        self._output.latency(latency_line(metrics))
        if self._sink is not None:
            self._sink.write(metrics)


def _interrupted(ended: Ended) -> bool:
    return ended.state is State.CANCELLED and ended.heard


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(0.0, end - start) * 1000, 1)


def _metrics(ended: Ended, record: _Record, beginning: Beginning) -> TurnMetrics:
    begins = [record.first_audio_at, record.committed_at, record.settled_at]  # it may be ready before it is wanted
    ready_at = None if record.first_audio_at is None else max(moment for moment in begins if moment is not None)
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
        interrupted=_interrupted(ended),
        interrupted_at_ms=_milliseconds(record.heard_when_ended or 0) if _interrupted(ended) else None,
        false_interruptions=ended.false_interruptions,
        end_of_turn_score=None if record.end_of_turn_score is None else round(record.end_of_turn_score, 3),
        speculative_attempts=record.early_attempts,
        speculation_hit=record.early,
        underruns=record.underruns,
        begun_ms=_between(record.last_voiced_at, record.begun_at),
        failed=record.failed,
        moments=moments(record, ended, beginning),
    )


def _milliseconds(samples: int) -> float:
    return round(samples / REPLY_RATE * 1000, 1)
