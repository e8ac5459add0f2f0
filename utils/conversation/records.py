"""What happened in each turn: when each stage was done, what was said, what was heard of the reply.

The base loop reports every message that a stage gives out (`observe`) or begins on (`taken`). The sender reports what
it plays, and `Turns` the end of each attempt. From these come the chat's history (what the listener heard, not what the
model made), the lines on stdout and the metrics.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from utils.conversation.messages import Message, ReplyAudio, ReplyEnd, Sentence, Transcript, Utterance
from utils.conversation.transcript import TranscriptOutput
from utils.conversation.turn_record import PlayingPosition, TurnRecord, turn_metrics, was_interrupted
from utils.metrics.figures import MetricsSink, latency_line
from utils.metrics.moments import Beginning
from utils.turns.attempts import Ended
from utils.turns.chat import Chat, SpokenSentence, heard_text

# The messages that a model works on, and the moment at which the first of each was given out: a field of `TurnRecord`.
HANDED_OVER: dict[type, str] = {
    Utterance: "begun_at",
    Transcript: "transcript_at",
    Sentence: "first_sentence_at",
}


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
        self._records: dict[int, TurnRecord] = {}
        self._unreported: list[tuple[Ended, TurnRecord]] = []
        self._unanswered = ""  # words of a superseded attempt that the next one has not answered yet
        self._speculative_begins: list[float] = []  # of superseded attempts at the turn that waits for its answer

    # --- reported by the stages

    def observe(self, message: Message) -> None:
        """A stage gave out `message`: note when, once for each kind."""
        now = self._clock()
        with self._lock:
            if isinstance(message, Utterance):
                self._records[message.attempt] = TurnRecord(
                    message.last_voiced_at,
                    begun_at=now,
                    committed_at=now,
                    speculative=message.speculative,
                    first_voiced_at=message.first_voiced_at,
                    speculative_begins=[now] if message.speculative else [],
                )
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
        """The turn was found to be over. score: the probability of that, where it was judged."""
        with self._lock:
            record = self._records.get(attempt)
            if record is not None and record.first_byte_at is None:
                record.turn_over, record.committed_at, record.end_of_turn_score = True, self._clock(), score

    # --- asked by the stages

    def wait_for_voice(self, attempt: int, timeout_s: float) -> bool:
        """Wait while the voice works on the first piece of this reply. False: it still does after so many seconds."""

        def begun() -> bool:
            record = self._records.get(attempt)
            return record is None or record.first_sentence_at is None or record.voice_began

        with self._voice_changed:
            return self._voice_changed.wait_for(begun, timeout_s)

    def spoken_text(self) -> str:
        """What was sent of the replies that have not ended: what a microphone may hear of the assistant's voice."""
        with self._lock:
            return " ".join(sentence.text for record in self._records.values() for sentence in record.sentences)

    # --- reported by the sender

    def reply_starts(self, attempt: int, position: PlayingPosition) -> None:
        """The first byte is about to be sent: now the turn is answered, and the user's words are shown."""
        with self._lock:
            record = self._records.get(attempt)
            if record is None:
                return
            record.first_byte_at, record.position = self._clock(), position
            text, self._unanswered = record.user_text, ""
            self._take_speculative_begins(record)
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
                self._supersede(ended, record)
                return
            record.end(ended, self._clock())
            if record.first_byte_at is None:  # unanswered: its words may be those of an attempt that it superseded
                record.user_text, self._unanswered = record.user_text or self._unanswered, ""
                self._take_speculative_begins(record)
            self._unreported.append((ended, record))
        if record.user_text:
            reply = heard_text(record.sentences, record.heard_when_ended) if record.sentences else ""
            self._chat.record(record.user_text, reply, interrupted=was_interrupted(ended))

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

    # --- under the lock

    def _supersede(self, ended: Ended, record: TurnRecord) -> None:
        """Keep for the attempt that answers the same words what it has to know of this one."""
        self._speculative_begins += record.speculative_begins
        self._unanswered = record.user_text or self._unanswered
        if (older := self._records.get(ended.continues_in or 0)) is not None:
            older.goes_on_for(record, self._clock())

    def _take_speculative_begins(self, record: TurnRecord) -> None:
        record.speculative_begins, self._speculative_begins = self._speculative_begins + record.speculative_begins, []

    # --- outside the lock

    def _report(self, ended: Ended, record: TurnRecord) -> None:
        if record.first_byte_at is None and record.user_text:
            self._output.user(record.user_text)
        if record.unshown.strip():
            self._output.assistant(record.unshown)
        metrics = turn_metrics(ended, record, self._beginning)
        self._output.latency(latency_line(metrics))
        if self._sink is not None:
            self._sink.write(metrics)
