"""How urgent jobs are, and whether all of them can be in time. Arithmetic on what is known at one moment."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from operator import itemgetter

from utils.engines.costs import StepEstimate
from utils.engines.demands import Capacity, Demand, Plan, StepKind


@dataclass(eq=False)
class JobState:
    """A job, as the policy knows it."""

    number: int
    """Of the job; later ones have higher numbers."""

    plan: Plan
    """What its engine expects of it."""

    demand: Demand
    """What is asked of it."""

    waits_since: float
    """When it became ready: it was added or woken, or its last step was over."""

    parked: bool = False
    """Its listener has enough."""

    running: bool = False
    """A step of it is being made."""

    answered: bool = field(default=False)
    """It has had an output."""

    @property
    def needed_at(self) -> float:
        """When its next output has to be there, so that others can still do their work on it."""
        return self.demand.due_at - self.demand.after_s


class Load:
    """What the committed jobs of this moment will take.

    jobs: those that are not parked, with those whose step is being made.
    """

    def __init__(self, jobs: Collection[JobState], costs: StepEstimate, capacity: Capacity) -> None:
        self._costs = costs
        self._capacity = capacity
        self.jobs = jobs
        self._batches = {
            kind: min(count, kind.max_batch) for kind, count in Counter(job.plan.kind for job in jobs).items()
        }
        self._step_s: dict[StepKind, float] = {}

    def step_s(self, kind: StepKind) -> float:
        """Seconds of a step of this kind, for as many jobs as would share it now."""
        if kind not in self._step_s:
            self._step_s[kind] = self._costs.step_s(kind, self._batches.get(kind, 1))
        return self._step_s[kind]

    def latest_start(self, job: JobState) -> float:
        """The moment at which the job's next step has to begin, for its output to be in time."""
        return job.needed_at - job.plan.steps * self.step_s(job.plan.kind)

    def slack_s(self, jobs: Iterable[JobState], now: float) -> float:
        """How long all of `jobs` can wait, and still be in time. Negative: they can't all be in time.

        It is what is left of the time until each due moment, less the work due until then: of the whole device, and of
        each lane, which makes one step at a time.
        """
        device_s, slack = 0.0, math.inf
        lanes: defaultdict[str, float] = defaultdict(float)
        units, needed = self._capacity.units, [(job.needed_at, job) for job in jobs]
        for needed_at, job in sorted(needed, key=itemgetter(0)):
            if needed_at == math.inf:
                break
            kind = job.plan.kind
            work_s = job.plan.steps * self.step_s(kind) / self._batches.get(kind, 1)
            device_s += work_s * self._capacity.of(kind) / units
            lanes[kind.lane] += work_s
            slack = min(slack, needed_at - now - max(device_s, lanes[kind.lane]))
        return slack
