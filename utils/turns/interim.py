"""Interim results: what was said so far is transcribed while the user still speaks.

The VAD's thread asks for an interim result, the STT's thread makes it. Only the newest one is wanted. This module
decides when to ask, whether this machine has the time for it, and which request is still wanted.
"""

from __future__ import annotations

from collections import deque
from statistics import median

REMEMBERED = 5  # transcriptions
REMEMBERED_PAUSES = 8  # of which it is counted whether the words before them were all
EXPECTED_HITS = 0.5  # before anything is known
STEP_SHARE = 0.1  # of a transcription: one that is needed waits so long for one that is not wanted any more
MOST_WAITING = 2  # requests that nobody has begun on: they hold all audio of the turn, and only the newest is wanted
EVERY_MS = 500.0  # of speech without a pause: then another interim result is asked for, at the earliest
SHARE = 0.25  # of the time, the most that interim results may take in such speech


class InterimResults:
    """One conversation's requests, and how long its transcriptions take. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._last = 0  # request
        self._taken = 0  # the newest one that the recogniser has come to
        self._wanted: int | None = None
        self._took_ms: deque[float] = deque(maxlen=REMEMBERED)
        self._outcomes: deque[bool] = deque(maxlen=REMEMBERED_PAUSES)

    def begin(self) -> int:
        """The number of a new request. The request before it is no longer wanted."""
        self._last += 1
        self._wanted = self._last
        return self._last

    def take(self, number: int) -> None:
        """The recogniser has come to this request, whether it is wanted or not."""
        self._taken = number

    def has_room(self) -> bool:
        """Whether another request may be made. There is none while the recogniser is busy with something long."""
        return self._last - self._taken < MOST_WAITING

    def drop(self) -> None:
        """No request is wanted any more."""
        self._wanted = None

    def wanted(self, number: int) -> bool:
        """Whether anybody will use the result. Takes no lock: it is asked at every token."""
        return number == self._wanted

    def took(self, milliseconds: float) -> None:
        """Note how long a transcription took, an interim or a final one."""
        self._took_ms.append(milliseconds)

    def usual_ms(self) -> float:
        """How long a transcription usually takes here; 0 where none was made yet."""
        took = tuple(self._took_ms)  # the STT's thread adds to it
        return median(took) if took else 0.0

    def settle(self, right: bool) -> None:
        """A quiet moment is over, in which a result was asked for or would have been. right: it has all the words."""
        self._outcomes.append(right)

    def pays(self, window_ms: float) -> bool:
        """Whether interim results gain more than they cost. window_ms: the silence at the end of a turn.

        A right one is made within that silence, and not after it. A wrong one is broken off, and the next one waits for
        the step that is being made. So a slow machine is no reason against them. On half a core of an AMD EPYC a
        transcription took 0.5 to 1 s, and the answer was heard 0.1 s sooner than without interim results.
        """
        outcomes = tuple(self._outcomes)  # the VAD's thread adds to it
        hits = (sum(outcomes) + EXPECTED_HITS) / (len(outcomes) + 1)
        usual_ms = self.usual_ms()
        return hits * min(usual_ms, window_ms) >= (1 - hits) * STEP_SHARE * usual_ms

    def every_ms(self) -> float:
        """After so much speech without a pause the next interim result is asked for."""
        return max(EVERY_MS, self.usual_ms() / SHARE)


class InterimTiming:
    """Tells frame by frame when to ask for an interim result.

    That is as soon as a frame is quiet, for the turn may end there, and every so often where no frame is.
    frame_ms: the length of a frame.
    """

    def __init__(self, frame_ms: float) -> None:
        self._frame_ms = frame_ms
        self._was_quiet = False
        self._speech_ms = 0.0  # since it was last time to ask

    def feed(self, quiet: bool, speaking: bool, every_ms: float = EVERY_MS) -> bool:
        """Whether to ask now, after the next frame. quiet: this frame is; speaking: the VAD hears the user speak."""
        fell_quiet = quiet and not self._was_quiet
        self._was_quiet = quiet
        self._speech_ms = self._speech_ms + self._frame_ms if speaking else 0.0
        now = speaking and (fell_quiet or self._speech_ms >= every_ms)
        if now:
            self._speech_ms = 0.0
        return now
