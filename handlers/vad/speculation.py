"""Speculation: an attempt at answering begins in a pause, before it is known that the turn is over. Does that pay?

A right attempt saves what is left of the silence at the turn's end. A wrong one costs, on a slow machine, the time that
its transcription takes, for the next attempt has to wait for it. Both are known from what was measured in this
conversation. Pure arithmetic, milliseconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

REMEMBERED = 8  # attempts whose outcome counts
EXPECTED_HITS = 0.5  # before anything is known
# After a pause in which the turn was not over, the next attempt begins no sooner: a syllable and another pause.
NEXT_ATTEMPT_MS = 300.0


@dataclass(frozen=True)
class SpeculativeAttempt:
    """An attempt that was begun in a pause."""

    number: int
    """The number that `Turns` gave it."""

    voiced_ms: float
    """How much of the speech before the pause was voiced."""

    over_reply: bool
    """It was begun while a reply was held."""


class Speculation:
    """One conversation's account of speculative attempts. gain_ms: what a right one saves."""

    def __init__(self, gain_ms: float) -> None:
        self._gain_ms = gain_ms
        self._outcomes: deque[bool] = deque(maxlen=REMEMBERED)

    def note(self, right: bool) -> None:
        """Note whether an attempt was right: the turn was over."""
        self._outcomes.append(right)

    def pays(self, stt_ms: float) -> bool:
        """Whether the next pause is worth an attempt. stt_ms: how long a transcription usually takes."""
        if self._gain_ms <= 0:
            return False
        hits = (sum(self._outcomes) + EXPECTED_HITS) / (len(self._outcomes) + 1)
        return hits * self._gain_ms >= (1 - hits) * max(0.0, stt_ms - NEXT_ATTEMPT_MS)
