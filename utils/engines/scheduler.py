"""The scheduler of one device: its lanes, and the policy that says which of them makes a step now.

There is no thread of its own. Whoever changes something (a job comes, is woken or cancelled, a step is over) asks the
policy at once, and wakes the lanes that are given a step.

Locks. The scheduler's lock guards the policy and the lanes; a job's own lock guards its outputs. Neither is taken
inside the other: a job says without a lock whether its consumer has enough, and a consumer that has taken something
reports it afterwards.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from utils.engines.costs import MeasuredSteps, StepEstimate
from utils.engines.demands import Capacity, Demand, Order
from utils.engines.figures import Figures, StepMade
from utils.engines.job import Job
from utils.engines.lane import Chore, Lane, Outcome, close_work
from utils.engines.policy import Grant, Policy
from utils.engines.work import Stepped
from utils.system.engine_thread import EngineClosed

logger = logging.getLogger(__name__)

Watch = Callable[[StepMade], None]


def watch_nothing(_: StepMade) -> None:
    """Nobody wants to know."""


class Scheduler:
    """All methods may be called from any thread."""

    def __init__(
        self,
        capacity: Capacity,
        *,
        clock: Callable[[], float] = time.monotonic,
        costs: StepEstimate | None = None,
        order: Order = Order.LATEST_START,
        max_wait_s: float = float("inf"),
        watch: Watch = watch_nothing,
    ) -> None:
        """clock: seconds; that of the demands. max_wait_s: how long a first output may take, before `admits` is false.
        watch: is told of each step, on a lane's thread; it must not wait."""
        self._clock = clock
        self._watch = watch
        self._policy = Policy(capacity, costs or MeasuredSteps(), order=order, max_wait_s=max_wait_s)
        self._lock = threading.RLock()
        self._deciding = False
        self._late: list[tuple[Lane, Job[Any]]] = []
        self._numbers = itertools.count()
        self._lanes: dict[str, Lane] = {}
        self._jobs: dict[int, Job[Any]] = {}

    def lane(self, name: str) -> Lane:
        """The lane of this name; a new one where there is none. Engines that are given the same one share a thread."""
        with self._lock:
            if name not in self._lanes:
                self._lanes[name] = Lane(name, self, self._lock)
            return self._lanes[name]

    def figures(self) -> Figures:
        """How things stand."""
        with self._state():
            return self._policy.figures(self._clock())

    def admits(self) -> bool:
        """Whether one more conversation would be served well."""
        with self._state():
            return self._policy.admits(self._clock())

    def close(self, timeout_s: float = float("inf")) -> bool:
        """Close all lanes. False: one was still busy after so long, all together."""
        with self._lock:
            lanes = list(self._lanes.values())
        for lane in lanes:
            self.close_lane(lane)
        deadline = time.monotonic() + min(timeout_s, threading.TIMEOUT_MAX)
        ended = [lane.close(min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)) for lane in lanes]
        return all(ended)

    # --- for lanes and consumers

    def add_chore(self, lane: Lane, chore: Chore) -> None:
        """See `Lane.submit`."""
        with self._state():
            _check_open(lane)
            self._give_chore(lane, chore)

    def add(self, lane: Lane, job: Job[Any]) -> None:
        """The job is ready for its first step. Raises EngineClosed."""
        with self._state():
            _check_open(lane)
            job.number = next(self._numbers)
            self._jobs[job.number] = job
            self._policy.add(job.number, job.plan, job.demand, self._clock())

    def wake(self, job: Job[Any]) -> None:
        """The job's consumer has taken something."""
        with self._state():
            if not job.has_enough:
                self._policy.wake(job.number, self._clock())

    def ask(self, job: Job[Any], demand: Demand) -> None:
        """Something else is asked of the job."""
        with self._state():
            self._policy.ask(job.number, demand)

    def cancel(self, lane: Lane, job: Job[Any]) -> None:
        """The job gets no further step, and its work is closed on the lane's thread, before any other step."""
        with self._lock:
            if self._deciding:  # the garbage collector has found a stream that was dropped, in the midst of a decision
                self._late.append((lane, job))
                return
            with self._state():
                self._drop(lane, job)

    def close_lane(self, lane: Lane) -> None:
        """See `Lane.close`; does not wait."""
        with self._state():
            dropped = [] if lane.closed else [job for job in self._jobs.values() if job.plan.kind.lane == lane.name]
            lane.closed = True
            for job in dropped:
                self._drop(lane, job)
            lane.changed.notify_all()
        for job in dropped:
            job.end(error=EngineClosed(lane.thread.name))

    def next_task(self, lane: Lane) -> Callable[[], None] | None:
        """What the lane's thread is to do next: it waits for that. None: nothing, ever."""
        with self._lock:
            while True:
                with self._state():
                    if lane.chores:
                        return lane.chores.popleft()
                    self._policy.vacate(lane.name)
                if lane.chores:
                    continue  # they come before any step
                if (grant := lane.grant) is not None:
                    lane.grant = None
                    return partial(self._make, lane, grant, [self._jobs.get(number) for number in grant.jobs])
                if lane.closed:
                    return None
                lane.changed.wait()

    # --- on a lane's thread

    def _make(self, lane: Lane, grant: Grant, granted: list[Job[Any] | None]) -> None:
        jobs = [job for job in granted if job is not None]  # others were cancelled since
        outcomes = lane.step(jobs, grant.kind)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, Stepped) and not job.cancelled:
                job.put(outcome.items)
        with self._state():
            made = self._finish(grant, jobs, outcomes)
        for job, outcome in zip(jobs, outcomes, strict=True):
            _end(job, outcome)
        try:
            self._watch(made)
        except Exception:
            logger.exception("a step could not be told of")

    def _finish(self, grant: Grant, jobs: list[Job[Any]], outcomes: list[Outcome]) -> StepMade:
        now = self._clock()
        pairs = list(zip(jobs, outcomes, strict=True))
        outputs = [job.number for job, outcome in pairs if isinstance(outcome, Stepped) and outcome.items]
        batch = sum(outcome is not None for outcome in outcomes)
        made = self._policy.finished(grant.kind.lane, now, outputs, batch)
        for job, outcome in pairs:
            if isinstance(outcome, Stepped) and not outcome.over:
                self._go_on(job, outcome, now)
            else:
                self._policy.end(job.number)
                self._jobs.pop(job.number, None)
        return made

    def _go_on(self, job: Job[Any], outcome: Stepped[Any], now: float) -> None:
        if outcome.plan is not None:
            job.plan = outcome.plan
            self._policy.plan(job.number, outcome.plan)
        if outcome.items and job.terms.plays_s is not None:
            job.runs_dry_at = max(job.runs_dry_at, now) + sum(map(job.terms.plays_s, outcome.items))
            job.demand = job.demand.further(job.runs_dry_at)
            self._policy.ask(job.number, job.demand)
        if job.has_enough:
            self._policy.park(job.number)

    # --- under the lock

    @contextlib.contextmanager
    def _state(self) -> Iterator[None]:
        """The policy and the lanes may be changed. What follows from the changes is decided at the end."""
        with self._lock:
            self._deciding = True
            try:
                yield
                self._decide()
            finally:
                self._deciding = False

    def _decide(self) -> None:
        while True:
            while self._late:
                self._drop(*self._late.pop())
            for grant in self._policy.choose(self._clock()):
                lane = self._lanes[grant.kind.lane]
                lane.grant = grant
                lane.changed.notify_all()
            if not self._late:
                return

    def _give_chore(self, lane: Lane, chore: Chore) -> None:
        lane.chores.append(chore)
        self._policy.occupy(lane.name)
        lane.changed.notify_all()

    def _drop(self, lane: Lane, job: Job[Any]) -> None:
        if self._jobs.pop(job.number, None) is not None:
            job.cancelled = True
            self._policy.end(job.number)
            self._give_chore(lane, partial(close_work, job))


def _end(job: Job[Any], outcome: Outcome) -> None:
    """Close and end the job, unless it goes on. One that was cancelled meanwhile is closed by a chore."""
    if job.cancelled or (isinstance(outcome, Stepped) and not outcome.over):
        return
    close_work(job)
    if isinstance(outcome, Stepped):
        job.end(outcome.result)
    elif outcome is None:
        job.cancelled = True
        job.end()
    else:
        job.end(error=outcome)


def _check_open(lane: Lane) -> None:
    if lane.closed:
        raise EngineClosed(lane.thread.name)
