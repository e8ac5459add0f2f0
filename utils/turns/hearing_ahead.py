"""What was said so far is transcribed while the user still speaks: when, and which such transcription is still wanted.

The VAD's thread asks for one, the STT's thread makes it. Only the newest is wanted, and none where it was found out
that it would be in the way. All methods may be called from any thread.
"""

from __future__ import annotations

from collections import deque
from statistics import median

# A machine on which a transcription takes longer has no time to spare for guesses.
LONGEST_MS = 500.0
REMEMBERED = 5  # transcriptions
EVERY_MS = 500.0  # of speech without a gap between two words; but they are to take a quarter of the time at most
SHARE = 0.25


class HearingAhead:
    """One conversation's."""

    def __init__(self) -> None:
        self._last = 0
        self._wanted: int | None = None
        self._took_ms: deque[float] = deque(maxlen=REMEMBERED)

    def begin(self) -> int:
        """The number of a new one; the one before is not wanted any more."""
        self._last += 1
        self._wanted = self._last
        return self._last

    def drop(self) -> None:
        """None is wanted."""
        self._wanted = None

    def wanted(self, number: int) -> bool:
        """Whether anybody will use what comes of it. Takes no lock: it is asked at every token."""
        return number == self._wanted

    def took(self, milliseconds: float) -> None:
        """How long a transcription took, ahead or not."""
        self._took_ms.append(milliseconds)

    def pays(self) -> bool:
        """Whether this machine has the time for it."""
        return self._usual_ms() <= LONGEST_MS

    def every_ms(self) -> float:
        """How much speech without a gap in it there has to be for another one."""
        return max(EVERY_MS, self._usual_ms() / SHARE)

    def _usual_ms(self) -> float:
        took = tuple(self._took_ms)  # the other thread adds to it
        return median(took) if took else 0.0


class Moments:
    """When to transcribe what was said so far: as soon as the sound is gone, which may prove to be the end of it; and
    every so often where it never is. frame_ms: the length of a frame.
    """

    def __init__(self, frame_ms: float) -> None:
        self._frame_ms = frame_ms
        self._was_quiet = False
        self._speech_ms = 0.0  # since the last moment

    def feed(self, quiet: bool, speaking: bool, every_ms: float = EVERY_MS) -> bool:
        """Whether it is now, after the next frame. speaking: the user does, as far as is known."""
        fell_quiet = quiet and not self._was_quiet
        self._was_quiet = quiet
        self._speech_ms = self._speech_ms + self._frame_ms if speaking else 0.0
        now = speaking and (fell_quiet or self._speech_ms >= every_ms)
        if now:
            self._speech_ms = 0.0
        return now
