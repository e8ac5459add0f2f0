"""What the scheduler tells of itself: how late it is, whom it makes wait, whether it should take on more."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from utils.engines.demands import Part, StepKind

WINDOW_S = 10.0  # how far back admission looks
MOST_LATE = 0.05  # of the outputs for replies that are heard: with more gaps than that nobody else is let in
KEPT = 1_000  # steps of each part that the figures are of


@dataclass(frozen=True)
class StepMade:
    """A step that is over."""

    kind: StepKind
    """What it did."""

    batch: int
    """How many jobs it served; 0 where none of them was wanted any more."""

    seconds: float
    """How long it took."""

    lateness_s: tuple[float, ...]
    """Of each committed job in it: how long after its latest start it began. Negative: before."""


@dataclass(frozen=True)
class Lateness:
    """How long after their latest start the last steps of a part began; 0 for those that began before it. Seconds."""

    median_s: float
    """Half of them began no later."""

    p95_s: float
    """95 of 100 began no later."""


@dataclass(frozen=True)
class Figures:
    """The state of a device."""

    ready: int
    """Jobs that wait for a step, or have one being made."""

    parked: int
    """Jobs whose listener has enough."""

    lateness: Mapping[Part, Lateness]
    """Of the parts that have made steps for committed jobs with a due time."""

    batches: Mapping[Part, float]
    """Jobs that a step served, on average, of each part that has made steps."""

    past_capacity: bool
    """Not all committed jobs can be in time."""

    admits: bool
    """One more conversation would be served well."""


class History:
    """What has happened: steps, and when outputs came."""

    def __init__(self, max_wait_s: float) -> None:
        """max_wait_s: how long a first output may take, before nobody else is let in."""
        self._max_wait_s = max_wait_s
        self._lateness: defaultdict[Part, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._batches: defaultdict[Part, deque[int]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._waits: deque[tuple[float, Part, float]] = deque()  # when, of what, how long a first output took
        self._going_on: deque[tuple[float, bool]] = deque()  # when, whether an output came too late for its listener

    def step(self, made: StepMade) -> None:
        """A step is over."""
        self._lateness[made.kind.part].extend(max(0.0, late) for late in made.lateness_s if late > -math.inf)
        if made.batch:
            self._batches[made.kind.part].append(made.batch)

    def first_output(self, part: Part, wait_s: float, now: float) -> None:
        """Somebody has got a first output, so long after it was asked for."""
        self._waits.append((now, part, wait_s))

    def further_output(self, gap: bool, now: float) -> None:
        """A reply that is heard has got more. gap: its listener had run dry."""
        self._going_on.append((now, gap))

    def lateness(self) -> dict[Part, Lateness]:
        """See `Figures`."""
        return {
            part: Lateness(statistics.median(values), float(np.percentile(values, 95)))
            for part, values in self._lateness.items()
            if values
        }

    def batches(self) -> dict[Part, float]:
        """See `Figures`."""
        return {part: statistics.fmean(sizes) for part, sizes in self._batches.items()}

    def admits(self, waiting: Iterable[tuple[Part, float]], now: float) -> bool:
        """Whether first outputs have come soon enough of late, and replies gone on without gaps.

        waiting: part and seconds so far, of those that still wait for a first output.
        """
        self._forget(now)
        gaps = sum(gap for _, gap in self._going_on)
        if gaps > MOST_LATE * len(self._going_on):
            return False
        waits: defaultdict[Part, list[float]] = defaultdict(list)
        for _, part, wait_s in self._waits:
            waits[part].append(wait_s)
        for part, so_far_s in waiting:
            if so_far_s > self._max_wait_s:  # else it may yet be in time
                waits[part].append(so_far_s)
        return all(statistics.median(values) <= self._max_wait_s for values in waits.values())

    def _forget(self, now: float) -> None:
        while self._waits and self._waits[0][0] < now - WINDOW_S:
            self._waits.popleft()
        while self._going_on and self._going_on[0][0] < now - WINDOW_S:
            self._going_on.popleft()
