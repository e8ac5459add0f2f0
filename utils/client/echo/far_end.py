"""What was played, given out at the microphone's pace: the echo canceller's reference.

Speaker and microphone call back in blocks of different sizes, by clocks that differ by some millionths, and never quite
on time; sometimes one misses a beat. Here their blocks are taken in the order in which they arrived. For each frame
that was captured, one frame leaves of what had been handed to the speaker before: so the reference always comes ahead
of its echo, and as little as the callbacks' unsteadiness allows.
"""

from __future__ import annotations

import math
import statistics
from collections import deque

import numpy as np

from utils.audio.samples import FloatAudio

RESERVE_S = 0.01  # what is left in the queue at its emptiest, so that it does not run out at every hitch
# So much at most, where the echo takes long enough that the reference still comes ahead of it; sound systems are wrong
# about that by tens of milliseconds.
MOST_RESERVE_S, AHEAD_S = 0.15, 0.03
# Where a callback was late for once, its samples are skipped when they come: else the echo would have moved, and the
# canceller takes a second to find it. Three were late in a minute beside a server on two busy cores. A speaker that is
# late by more has stood still, and its echo has moved; one that is late again in the next period always is.
MOST_LATE_S = 0.1
SLACK_S = 0.02  # so much more, and a block, is left alone: the canceller minds a shift more than a late echo
JUMP_S = 0.08  # and so much more is dropped at once: a device stood still, and its echo has moved as well
PERIOD_S = 2.0  # at its emptiest in so long, but for a block: two kinds of blocks may take longer to fall together
DELAYS = 101  # whose median is the delay: the sound systems' own figures scatter by tens of milliseconds


class FarEnd:
    """A queue of float32 mono samples. rate: Hz. frame: samples that leave at once."""

    def __init__(self, rate: int, frame: int) -> None:
        self._rate = rate
        self._frame = frame
        self._samples = np.zeros(0, dtype=np.float32)
        self._audible_until = 0.0  # when the last sample of the queue sounds
        self._reserve = round(RESERVE_S * rate)
        self._owed = 0  # samples that silence was given out for
        self._excused = 0  # samples that may be skipped for it yet, in this period
        self._was_late = True  # in this period
        self._to_drop = 0  # samples, one a frame
        self._block = 0  # samples that came at once, at the most
        self._lowest = math.inf  # samples left in this period, at the fewest
        self._frames_left = self._period
        self._echo_after: deque[float] = deque(maxlen=DELAYS)

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def delay_s(self) -> float:
        """From a frame's leaving the queue to its echo in the frame that was captured with it: at least 0."""
        return max(0.0, statistics.median(self._echo_after)) if self._echo_after else 0.0

    def played(self, samples: FloatAudio, audible_until: float) -> None:
        """Take what was handed to the speaker: float32 [n]. audible_until: when its last sample sounds, seconds."""
        self._audible_until = audible_until
        self._block = max(self._block, len(samples))
        skipped = min(self._owed, len(samples), self._excused)
        self._excused -= skipped
        self._owed = self._owed - skipped if self._excused else 0
        self._samples = np.concatenate([self._samples, samples[skipped:]])

    def lost(self) -> None:
        """Some of what was played did not come here: begin anew."""
        self._samples = self._samples[:0]

    def restart(self, count: int, captured_from: float) -> None:
        """The microphone's next `count` samples, the first of which sounded at `captured_from`, do not follow those
        before: drop what was played before them."""
        echo_after = self._audible_until - count / self._rate - captured_from
        reserve = round(min(MOST_RESERVE_S, max(RESERVE_S, echo_after - AHEAD_S)) * self._rate)
        self._reserve = max(self._frame, reserve - reserve % self._frame)
        excess = len(self) - count - self._reserve
        self._drop(excess)
        self._samples = np.concatenate([np.zeros(max(0, -excess), dtype=np.float32), self._samples])
        self._owed, self._was_late = 0, True
        self._begin_period()

    def take(self, captured_until: float) -> FloatAudio:
        """float32 [frame]: what goes with the next captured frame, whose last sample sounded at `captured_until`.

        Silence where nothing was played in time: the speaker is late, or has stood still and is silent as well.
        """
        if len(self) < self._frame:
            self._owed, self._was_late = self._owed + self._frame, True
            return np.zeros(self._frame, dtype=np.float32)
        frame, self._samples = self._samples[: self._frame], self._samples[self._frame :]
        self._echo_after.append(self._audible_until - len(self) / self._rate - captured_until)
        self._keep_pace()
        return frame

    @property
    def _period(self) -> int:
        return round(PERIOD_S * self._rate / self._frame)

    def _keep_pace(self) -> None:
        """Drop what makes the reference earlier than it has to be."""
        if self._to_drop > 0:
            self._drop(1)
            self._to_drop -= 1
        self._lowest = min(self._lowest, len(self))
        self._frames_left -= 1
        if self._frames_left == 0:
            self._look_back()

    def _look_back(self) -> None:
        excess = int(self._lowest - self._reserve) - self._block
        self._begin_period()
        if excess > JUMP_S * self._rate:
            self._drop(excess)
        elif excess > SLACK_S * self._rate:
            self._to_drop = excess

    def _begin_period(self) -> None:
        self._to_drop, self._lowest, self._frames_left = 0, math.inf, self._period
        self._excused = 0 if self._was_late else round(MOST_LATE_S * self._rate)
        self._was_late = False

    def _drop(self, count: int) -> None:
        self._samples = self._samples[max(0, count) :]
