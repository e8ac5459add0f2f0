"""Whether it pays to begin an attempt in a pause, before it is known that the turn is over.

An attempt that is right saves what is left of the silence window. One that is wrong costs, on a slow machine, the time
until the transcription is done with it: the next attempt has to wait for that. Both are known from what has been
measured in this conversation; pure arithmetic, milliseconds.
"""

from __future__ import annotations

from collections import deque

REMEMBERED = 8  # attempts whose outcome counts
EXPECTED_HITS = 0.5  # before anything is known
# After a pause that was none, the next attempt begins no sooner: a syllable and another pause.
NEXT_ATTEMPT_MS = 300.0


class Speculation:
    """One conversation's account. gain_ms: what a right attempt saves, the silence that is still to come."""

    def __init__(self, gain_ms: float) -> None:
        self._gain_ms = gain_ms
        self._outcomes: deque[bool] = deque(maxlen=REMEMBERED)
        self._stt_ms = 0.0

    def stt_took(self, milliseconds: float | None) -> None:
        """How long the last transcription took; None where there was none."""
        self._stt_ms = milliseconds or self._stt_ms

    def was(self, right: bool) -> None:
        """An attempt was right: the turn was over."""
        self._outcomes.append(right)

    def pays(self) -> bool:
        """Whether the next pause is worth an attempt."""
        if self._gain_ms <= 0:
            return False
        hits = (sum(self._outcomes) + EXPECTED_HITS) / (len(self._outcomes) + 1)
        return hits * self._gain_ms >= (1 - hits) * max(0.0, self._stt_ms - NEXT_ATTEMPT_MS)
