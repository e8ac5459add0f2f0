"""What steps cost, from what was measured."""

from __future__ import annotations

import statistics
from collections import defaultdict, deque
from typing import Protocol

from utils.engines.demands import StepKind

USUAL_S = 0.05  # of a kind that was never measured: what steps are meant to stay under
REMEMBERED = 31  # durations of each kind and batch size


class StepEstimate(Protocol):
    """Says what a step will take, and learns from those that were made."""

    def step_s(self, kind: StepKind, batch: int) -> float:
        """Seconds that a step of this kind takes for so many jobs."""

    def record(self, kind: StepKind, batch: int, seconds: float) -> None:
        """A step took so long."""


class MeasuredSteps:
    """The median of the last durations of a kind and a batch size: one step that was held up changes nothing.

    Of a batch size that was not measured yet, the nearest one that was; the larger one of two.
    """

    def __init__(self, usual_s: float = USUAL_S) -> None:
        self._usual_s = usual_s
        self._durations: defaultdict[tuple[StepKind, int], deque[float]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._medians: defaultdict[StepKind, dict[int, float]] = defaultdict(dict)

    def step_s(self, kind: StepKind, batch: int) -> float:
        medians = self._medians.get(kind)
        if not medians:
            return self._usual_s
        if (known := medians.get(batch)) is not None:
            return known
        return medians[min(medians, key=lambda size: (abs(size - batch), -size))]

    def record(self, kind: StepKind, batch: int, seconds: float) -> None:
        durations = self._durations[kind, batch]
        durations.append(seconds)
        self._medians[kind][batch] = statistics.median(durations)
