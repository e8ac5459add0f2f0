"""A turn's figures: one latency line for people, one JSON object a line for programs (`--metrics_file`), and sinks."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from utils.metrics.moments import Moments

logger = logging.getLogger(__name__)

# answered: to its end. interrupted: the user spoke over it, or hung up. failed: a stage broke. unanswered: the
# conversation ended before a reply began, or the reply was empty.
OUTCOMES = ("answered", "interrupted", "failed", "unanswered")


@dataclass(frozen=True)
class TurnMetrics:
    """What one turn took. All times in milliseconds; None where the turn did not come so far.

    The last voiced sample is where the sound of the user's voice was gone; where the room is too loud to tell, where
    the VAD heard the last of it, some 0.1 s later.

    commit_ms: last voiced sample → turn committed (the silence window). begun_ms: last voiced sample → the attempt
    begun that was heard; with speculation before the turn is over. stt_ms: → transcript.
    lm_first_sentence_ms: → the first piece of the reply given to the voice, a sentence or its first clause.
    tts_first_audio_ms: → its first audio.
    between_stages_ms: of all these, what passed in queues and between threads: from where a stage gave its first
    output to where the next one, at last the socket, had it in hand.
    voice_to_voice_ms: last voiced sample → first byte of the reply sent.
    reply_audio_ms: how much audio of the reply was sent. interrupted: the user spoke over it, or hung up.
    interrupted_at_ms: how much of it had been heard then. false_interruptions: how often it was held for a sound that
    turned out to be nothing, and went on. end_of_turn_score: the probability with which the user was found to be done,
    0 to 1; None where that was not judged.
    speculative_attempts: how many attempts were begun in a pause, before the turn was over. speculation_hit: the reply
    is that of one of them; its stages run within the silence window, so that they and the window add up to more than
    voice_to_voice_ms. underruns: how often the listener had heard everything before more was there. failed: a stage
    broke, and the reply ended early or there was none. moments: when what happened, as absolute times.
    """

    turn: int
    commit_ms: float | None
    stt_ms: float | None
    lm_first_sentence_ms: float | None
    tts_first_audio_ms: float | None
    between_stages_ms: float | None
    voice_to_voice_ms: float | None
    reply_audio_ms: float
    interrupted: bool
    interrupted_at_ms: float | None
    false_interruptions: int
    end_of_turn_score: float | None
    speculative_attempts: int = 0
    speculation_hit: bool = False
    underruns: int = 0
    begun_ms: float | None = None
    failed: bool = False
    moments: Moments | None = None

    @property
    def outcome(self) -> str:
        """What became of the turn: one of OUTCOMES."""
        if self.failed:
            return "failed"
        if self.interrupted:
            return "interrupted"
        return "unanswered" if self.voice_to_voice_ms is None else "answered"


def latency_line(metrics: TurnMetrics) -> str:
    """The line a person reads: where the time went from the last voiced sample to the first byte sent."""

    def figure(name: str, value: float | None) -> str:
        return f"{name} {'-' if value is None else f'{value:.0f} ms'}"

    parts = [
        figure("silence window", metrics.commit_ms),
        figure("STT", metrics.stt_ms),
        figure("LM first sentence", metrics.lm_first_sentence_ms),
        figure("TTS first audio", metrics.tts_first_audio_ms),
        figure("total", metrics.voice_to_voice_ms),
    ]
    if metrics.speculation_hit:
        parts[-1] += " (begun before the turn was over)"
    interrupted = " (interrupted)" if metrics.interrupted else ""
    return f"LATENCY: turn {metrics.turn}: {', '.join(parts)}; reply {metrics.reply_audio_ms / 1000:.1f} s{interrupted}"


class MetricsSink(Protocol):
    """Where the figures of turns go. Safe to use from several conversations; never keeps one waiting."""

    def write(self, metrics: TurnMetrics) -> None:
        """A turn is over. Raises nothing."""

    def close(self) -> None:
        """No more turns follow."""


class MetricsSinks:
    """Several sinks as one."""

    def __init__(self, sinks: Sequence[MetricsSink]) -> None:
        self._sinks = sinks

    def write(self, metrics: TurnMetrics) -> None:
        for sink in self._sinks:
            sink.write(metrics)

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()


class MetricsFile:
    """Appends turns to a JSON-lines file; safe to use from several conversations."""

    def __init__(self, path: str | Path) -> None:
        """Opens the file for appending. OSError where it can't be written: better said at the start than at turn 1."""
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by close()
        self._lock = threading.Lock()

    def write(self, metrics: TurnMetrics) -> None:
        """Append one line. A full disk costs the line and a warning, not the conversation."""
        with self._lock:
            try:
                self._file.write(json.dumps(asdict(metrics)) + "\n")
                self._file.flush()
            except (OSError, ValueError) as error:
                logger.warning("the metrics of turn %d could not be written: %s", metrics.turn, error)

    def close(self) -> None:
        """Close the file. A full disk is a warning here too: the process ends as it was to end."""
        with self._lock:
            try:
                self._file.close()
            except OSError as error:
                logger.warning("the last metrics could not be written: %s", error)
