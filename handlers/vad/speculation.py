"""Speculation: an attempt at answering begins in a pause, before it is known that the turn is over. Does that pay?

A right attempt saves what is left of the silence at the turn's end. A wrong one costs, on a slow machine, the time that
its transcription takes, for the next attempt has to wait for it. Both are known from what was measured in this
conversation: how long transcriptions take, and how often a pause was the end of the turn. That is counted in every
pause, also where no attempt was begun, so a machine that is too slow for a guess finds out when its user seldom pauses.
Pure arithmetic, milliseconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

REMEMBERED = 8  # pauses whose outcome counts
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
    """One conversation's account of pauses and speculative attempts. gain_ms: what a right one saves."""

    def __init__(self, gain_ms: float) -> None:
        self._gain_ms = gain_ms
        self._outcomes: deque[bool] = deque(maxlen=REMEMBERED)
        self._in_pause = False

    def pause(self, stt_ms: float = 0.0) -> bool:
        """A pause has lasted so long that an attempt could begin. Returns whether it should: see `pays`."""
        self._in_pause = True
        return self.pays(stt_ms)

    def settle(self, right: bool) -> None:
        """The pause is over. right: so is the turn, and an attempt was right, or would have been."""
        if self._in_pause:
            self._outcomes.append(right)
        self._in_pause = False

    def forget(self) -> None:
        """The pause counts for nothing: no words were said before it."""
        self._in_pause = False

    def pays(self, stt_ms: float) -> bool:
        """Whether the next pause is worth an attempt. stt_ms: how long a transcription usually takes."""
        if self._gain_ms <= 0:
            return False
        hits = (sum(self._outcomes) + EXPECTED_HITS) / (len(self._outcomes) + 1)
        return hits * self._gain_ms >= (1 - hits) * max(0.0, stt_ms - NEXT_ATTEMPT_MS)
