"""The figures of a turn, and where they go: a line for people, and JSON lines for programs (`--metrics_file`)."""

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

# answered: the reply came to its end. interrupted: the user spoke over it, or hung up. failed: a stage failed.
# unanswered: the conversation ended before a reply began, or the reply was empty.
OUTCOMES = ("answered", "interrupted", "failed", "unanswered")


@dataclass(frozen=True)
class TurnMetrics:
    """What one turn took.

    Names that end in `_ms` are times in milliseconds. A field is None where the turn did not get that far. Many times
    count from the end of the user's voice. That is the moment at which the sound level falls; in a room that is too
    loud for that, it is the last voiced frame of the voice activity detection, about 100 ms later.
    """

    turn: int
    """The number of the turn in its conversation."""

    commit_ms: float | None
    """From the end of the user's voice to the decision that the turn is over (the silence window)."""

    stt_ms: float | None
    """From the begin of the attempt to its transcript."""

    lm_first_sentence_ms: float | None
    """From the transcript to the first text that the voice is given: a sentence, or the first clause of one."""

    tts_first_audio_ms: float | None
    """From that text to the first audio of the voice."""

    between_stages_ms: float | None
    """The part of `voice_to_voice_ms` that passed in queues and between threads, from the output of one stage to its
    arrival in the next one, or at the socket."""

    voice_to_voice_ms: float | None
    """From the end of the user's voice to the first byte of the reply that is sent."""

    reply_audio_ms: float
    """How much audio of the reply was sent."""

    interrupted: bool
    """Whether the user spoke over the reply, or hung up."""

    interrupted_at_ms: float | None
    """How much of the reply the user had heard when it was interrupted."""

    false_interruptions: int
    """How often the reply paused for a sound that was no interruption, and went on."""

    end_of_turn_score: float | None
    """The probability, 0 to 1, that the user was done. None where smart-turn was not asked."""

    speculative_attempts: int = 0
    """How many attempts began in a pause, before the turn was over."""

    speculation_hit: bool = False
    """Whether one of these attempts became the reply. Its stages then run within the silence window, so the times of
    the stages and the window add up to more than `voice_to_voice_ms`."""

    underruns: int = 0
    """How often the reply had a gap, since the listener had heard everything before more was ready."""

    begun_ms: float | None = None
    """From the end of the user's voice to the begin of the attempt that became the reply."""

    failed: bool = False
    """Whether a stage failed: the reply ended early, or there was none."""

    moments: Moments | None = None
    """When each part of the turn happened."""

    @property
    def outcome(self) -> str:
        """How the turn ended: one of OUTCOMES."""
        if self.failed:
            return "failed"
        if self.interrupted:
            return "interrupted"
        return "unanswered" if self.voice_to_voice_ms is None else "answered"


def latency_line(metrics: TurnMetrics) -> str:
    """One line for people: where the time went, from the end of the user's voice to the first byte of the reply."""

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
    """A place that takes the figures of turns. Several conversations may use it at a time, and none waits for it."""

    def write(self, metrics: TurnMetrics) -> None:
        """Take the figures of a turn that is over. Raises nothing."""

    def close(self) -> None:
        """Finish: no more turns follow."""


class MetricsSinks:
    """Gives each turn to several sinks."""

    def __init__(self, sinks: Sequence[MetricsSink]) -> None:
        self._sinks = sinks

    def write(self, metrics: TurnMetrics) -> None:
        for sink in self._sinks:
            sink.write(metrics)

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()


class MetricsFile:
    """Appends turns to a file, each as one line of JSON. Several conversations may use it at a time."""

    def __init__(self, path: str | Path) -> None:
        """Open the file for appending. Raises OSError where it can't be written, before any turn is lost."""
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by close()
        self._lock = threading.Lock()

    def write(self, metrics: TurnMetrics) -> None:
        """Append one line. On a full disk the line is lost, a warning is logged, and the conversation goes on."""
        with self._lock:
            try:
                self._file.write(json.dumps(asdict(metrics)) + "\n")
                self._file.flush()
            except (OSError, ValueError) as error:
                logger.warning("the metrics of turn %d could not be written: %s", metrics.turn, error)

    def close(self) -> None:
        """Close the file. A full disk is a warning here too, so that the process ends in order."""
        with self._lock:
            try:
                self._file.close()
            except OSError as error:
                logger.warning("the last metrics could not be written: %s", error)
