"""The scheduling policy of one device: which lanes make a step now, and for which jobs. Pure: times are arguments.

The job whose latest start comes first is served first. Where not all committed jobs can be in time (*past capacity*),
replies that are heard go on, first sounds come in the order of asking, as far as the replies leave time, and what is
speculative rests. No committed job starves: one of `GUARD_EVERY` steps goes to the one that has waited longest, if it
has waited for `PATIENCE_S`.

A step is not interrupted. So a job that becomes urgent waits for the steps that are being made, and for no others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from utils.engines.costs import StepEstimate
from utils.engines.demands import DRY_MARGIN_S, Capacity, Demand, Need, Order, Plan, StepKind
from utils.engines.figures import Figures, History, StepMade
from utils.engines.urgency import JobState, Load

PATIENCE_S = 5.0
GUARD_EVERY = 8


@dataclass(frozen=True)
class Grant:
    """A lane is to make one step now."""

    kind: StepKind
    """What the step is, and of which lane."""

    jobs: tuple[int, ...]
    """The numbers of the jobs that it serves, the most urgent first; no more than `kind.max_batch`."""


@dataclass(frozen=True)
class _Step:
    """A step that is being made."""

    grant: Grant
    began_at: float
    lateness_s: tuple[float, ...]


class Policy:
    """Jobs are known by their numbers, given by the caller in the order of arrival. Not safe for threads."""

    def __init__(
        self,
        capacity: Capacity,
        costs: StepEstimate,
        *,
        order: Order = Order.LATEST_START,
        max_wait_s: float = float("inf"),
    ) -> None:
        """max_wait_s: how long a first output may take, before nobody else is let in."""
        self._capacity = capacity
        self._costs = costs
        self._order = order
        self._history = History(max_wait_s)
        self._jobs: dict[int, JobState] = {}
        self._active: dict[int, JobState] = {}  # those that are not parked: only these are looked at for a choice
        self._steps: dict[str, _Step] = {}  # by lane
        self._occupied: set[str] = set()  # lanes
        self._since_guard: Counter[str] = Counter()  # steps of each lane, "" for the device

    # --- jobs

    def add(self, number: int, plan: Plan, demand: Demand, now: float) -> None:
        """A new job, ready for its first step."""
        self._jobs[number] = self._active[number] = JobState(number, plan, demand, now)

    def plan(self, number: int, plan: Plan) -> None:
        """The engine expects something else of this job."""
        if (job := self._jobs.get(number)) is not None:
            job.plan = plan

    def ask(self, number: int, demand: Demand) -> None:
        """Something else is asked of this job."""
        if (job := self._jobs.get(number)) is not None:
            job.demand = demand

    def demand(self, number: int) -> Demand | None:
        """What is asked of this job; None after its end."""
        job = self._jobs.get(number)
        return None if job is None else job.demand

    def park(self, number: int) -> None:
        """The job's listener has enough: no step until `wake`."""
        if (job := self._active.pop(number, None)) is not None:
            job.parked = True

    def wake(self, number: int, now: float) -> None:
        """The job's listener wants more."""
        job = self._jobs.get(number)
        if job is not None and job.parked:
            job.parked, job.waits_since = False, now
            self._active[number] = job

    def end(self, number: int) -> None:
        """The job is over, or cancelled: it gets no further step. One that is being made takes its time."""
        self._jobs.pop(number, None)
        self._active.pop(number, None)

    # --- lanes

    def occupy(self, lane: str) -> None:
        """The lane has something else to do, such as loading: it gets no step until `vacate`."""
        self._occupied.add(lane)

    def vacate(self, lane: str) -> None:
        """The lane may be given steps again."""
        self._occupied.discard(lane)

    # --- steps

    def choose(self, now: float) -> list[Grant]:
        """The steps that are to begin now. Each goes on until `finished` is called for its lane."""
        grants = []
        while (grant := self._next(now)) is not None:
            grants.append(grant)
        return grants

    def finished(self, lane: str, now: float, outputs: Collection[int] = (), batch: int | None = None) -> StepMade:
        """The lane's step is over.

        outputs: the jobs for which it made an output. batch: how many jobs it served, where not all of the grant's were
        still wanted.
        """
        step = self._steps.pop(lane)
        kind, numbers = step.grant.kind, step.grant.jobs
        batch = len(numbers) if batch is None else batch
        made = StepMade(kind, batch, now - step.began_at, step.lateness_s)
        if batch:
            self._costs.record(kind, batch, made.seconds)
        self._history.step(made)
        for number in numbers:
            if (job := self._jobs.get(number)) is not None:
                job.running, job.waits_since = False, now
                if number in outputs:
                    self._note_output(job, now)
        return made

    # --- figures

    def past_capacity(self, now: float) -> bool:
        """Whether not all committed jobs can be in time."""
        load = self._load()
        return load.slack_s(load.jobs, now) < 0

    def admits(self, now: float) -> bool:
        """Whether one more conversation would be served well."""
        waiting = (
            (job.plan.kind.part, now - job.demand.asked_at)
            for job in self._active.values()
            if job.demand.committed and job.demand.need is Need.FIRST and not job.answered
        )
        return self._history.admits(waiting, now)

    def figures(self, now: float) -> Figures:
        """How things stand."""
        return Figures(
            ready=len(self._active),
            parked=len(self._jobs) - len(self._active),
            lateness=self._history.lateness(),
            batches=self._history.batches(),
            past_capacity=self.past_capacity(now),
            admits=self.admits(now),
        )

    def _note_output(self, job: JobState, now: float) -> None:
        demand = job.demand
        if demand.committed and demand.need is Need.PLAYING:
            self._history.further_output(now > demand.due_at + DRY_MARGIN_S, now)
        elif demand.committed and not job.answered:
            self._history.first_output(job.plan.kind.part, now - demand.asked_at, now)
        job.answered = True

    # --- the choice

    def _next(self, now: float) -> Grant | None:
        free = self._capacity.units - sum(self._capacity.of(step.grant.kind) for step in self._steps.values())
        if free <= 0:
            return None
        idle = [job for job in self._active.values() if not job.running and self._is_idle(job.plan.kind.lane)]
        if not idle:
            return None
        load = self._load()
        past = load.slack_s(load.jobs, now) < 0
        committed = [job for job in idle if job.demand.committed]
        guarded = self._starving(committed, now)
        head = guarded or self._head(idle, committed, load, past, now)
        # Nothing less urgent goes before one that waits for room: else it might wait for ever.
        if head is None or self._capacity.of(head.plan.kind) > free:
            return None
        self._count(head, guarded is not None)
        return self._begin(head, self._companions(head, idle, load, past), load, now)

    def _head(
        self, idle: Collection[JobState], committed: Collection[JobState], load: Load, past: bool, now: float
    ) -> JobState | None:
        """The job that is served first; None where nothing should begin."""
        if self._order is Order.FIRST_COME:
            return min(idle, key=_arrival)
        if not committed:
            return None if past else min(idle, key=_asking)
        if past:
            return self._past_capacity_head(committed, load, now)
        return min(committed, key=lambda job: (load.latest_start(job), job.number))

    def _past_capacity_head(self, committed: Iterable[JobState], load: Load, now: float) -> JobState:
        """Replies that are heard are kept in time. What they leave goes to first outputs, in the order of asking."""
        playing: list[JobState] = []
        first: list[JobState] = []
        for job in committed:
            (playing if job.demand.need is Need.PLAYING else first).append(job)
        if first:
            candidate = min(first, key=_asking)
            heard = (job for job in load.jobs if job.demand.need is Need.PLAYING)
            if not playing or load.slack_s(heard, now) >= load.step_s(candidate.plan.kind):
                return candidate
        return min(playing, key=lambda job: (load.latest_start(job), job.number))

    def _companions(self, head: JobState, idle: Iterable[JobState], load: Load, past: bool) -> list[JobState]:
        """Others that its step can serve as well. Speculative ones ride along, unless there is no time for them."""
        kind = head.plan.kind
        if kind.max_batch == 1:
            return []
        same = [
            job
            for job in idle
            if job is not head and job.plan.kind == kind and (job.demand.committed or not past)
        ]  # fmt: skip
        if self._order is Order.FIRST_COME:
            same.sort(key=_arrival)
        else:
            same.sort(key=lambda job: (not job.demand.committed, load.latest_start(job), job.number))
        return same[: kind.max_batch - 1]

    def _begin(self, head: JobState, others: Collection[JobState], load: Load, now: float) -> Grant:
        jobs = [head, *others]
        for job in jobs:
            job.running = True
        grant = Grant(head.plan.kind, tuple(job.number for job in jobs))
        lateness = tuple(now - load.latest_start(job) for job in jobs if job.demand.committed)
        self._steps[head.plan.kind.lane] = _Step(grant, now, lateness)
        return grant

    def _starving(self, committed: Collection[JobState], now: float) -> JobState | None:
        """The one that has waited longest and too long, where a step is due to such."""
        if self._order is Order.FIRST_COME:
            return None
        due = [job for job in committed if self._guards(job.plan.kind.lane) and now - job.waits_since >= PATIENCE_S]
        return min(due, key=lambda job: (job.waits_since, job.number), default=None)

    def _guards(self, lane: str) -> bool:
        return max(self._since_guard[lane], self._since_guard[""]) >= GUARD_EVERY - 1

    def _count(self, head: JobState, guarded: bool) -> None:
        for place in (head.plan.kind.lane, ""):
            self._since_guard[place] = 0 if guarded else self._since_guard[place] + 1

    def _is_idle(self, lane: str) -> bool:
        return lane not in self._steps and lane not in self._occupied

    def _load(self) -> Load:
        committed = [job for job in self._active.values() if job.demand.committed]
        return Load(committed, self._costs, self._capacity)


def _arrival(job: JobState) -> int:
    return job.number


def _asking(job: JobState) -> tuple[float, int]:
    return job.demand.asked_at, job.number
