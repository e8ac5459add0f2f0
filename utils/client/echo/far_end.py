"""The reference of the echo canceller: what was played, at the pace of the microphone.

Speaker and microphone call back in blocks of different sizes. Their clocks differ by some millionths, they are never
quite on time, and sometimes one misses a beat. Here their blocks are taken in the order of their arrival. For each
captured frame, one frame of the played sound leaves the queue. So the reference always comes before its echo, but only
as early as the unsteady callbacks make necessary.
"""

from __future__ import annotations

import math
import statistics
from collections import deque

import numpy as np

from utils.audio.samples import FloatAudio

RESERVE_S = 0.01  # the least that stays in the queue, so that it does not run out at every late callback
# A longer reserve, up to MOST_RESERVE_S, is kept if the echo is so late that the reference still comes AHEAD_S before
# it. Sound systems are wrong about that by tens of milliseconds.
MOST_RESERVE_S, AHEAD_S = 0.15, 0.03
# If a callback was late for once, its samples are skipped when they come. Else the echo would seem to move, and the
# canceller takes a second to find it again. Beside a server on two busy cores, three callbacks in a minute were late. A
# speaker that is late by more than this has stood still, so its echo has moved. One that is late again in the next
# period is always late.
MOST_LATE_S = 0.1
SLACK_S = 0.02  # this much more, and a block, may stay: a shift disturbs the canceller more than a late echo does
JUMP_S = 0.08  # more than this is dropped at once: a device has stood still, so its echo has moved too
PERIOD_S = 2.0  # how often the least length of the queue is looked at: blocks of two sizes take long to coincide
DELAYS = 101  # how many delays the median is taken of: the figures of sound systems scatter by tens of milliseconds


class FarEnd:
    """The queue of played samples, float32 mono. rate: Hz. frame: how many samples leave at a time."""

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
        """Seconds from the moment at which a frame leaves the queue to its echo in the captured sound: at least 0."""
        return max(0.0, statistics.median(self._echo_after)) if self._echo_after else 0.0

    def played(self, samples: FloatAudio, audible_until: float) -> None:
        """Take samples that the speaker was given, float32 [n]. audible_until: when the last one sounds, seconds."""
        self._audible_until = audible_until
        self._block = max(self._block, len(samples))
        skipped = min(self._owed, len(samples), self._excused)
        self._excused -= skipped
        self._owed = self._owed - skipped if self._excused else 0
        self._samples = np.concatenate([self._samples, samples[skipped:]])

    def lost(self) -> None:
        """Begin anew, since some of the played sound did not come here."""
        self._samples = self._samples[:0]

    def restart(self, count: int, captured_from: float) -> None:
        """Begin anew, since the microphone's next `count` samples do not follow the last ones.

        captured_from: when the first of them sounded, seconds. Sound that was played before them is dropped.
        """
        echo_after = self._audible_until - count / self._rate - captured_from
        reserve = round(min(MOST_RESERVE_S, max(RESERVE_S, echo_after - AHEAD_S)) * self._rate)
        self._reserve = max(self._frame, reserve - reserve % self._frame)
        excess = len(self) - count - self._reserve
        self._drop(excess)
        self._samples = np.concatenate([np.zeros(max(0, -excess), dtype=np.float32), self._samples])
        self._owed, self._was_late = 0, True
        self._begin_period()

    def take(self, captured_until: float) -> FloatAudio:
        """The reference of the next captured frame, float32 [frame]. captured_until: when its last sample sounded.

        It is silence if nothing was played in time: then the speaker is late, or it has stood still and is silent too.
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
        """Drop samples if the reference comes earlier than it has to."""
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
