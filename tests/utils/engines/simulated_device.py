"""A device and its listeners in simulated time, under the real policy: what is decided, and for whom."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from utils.engines.costs import MeasuredSteps
from utils.engines.demands import Capacity, Demand, Order, Plan, StepKind
from utils.engines.policy import Grant, Policy


@dataclass
class Talker:
    """A job and its listener."""

    kind: StepKind
    demand: Demand
    comes_at: float
    outputs: int
    """So many steps, each with one output."""

    room: int = 1_000_000
    """Outputs that may wait to be taken; then it is parked."""

    takes_every: float | None = None
    """Seconds between two outputs that its listener takes; None: it takes none, ever."""

    cancelled_at: float | None = None
    commits_at: float | None = None


@dataclass
class Life:
    """What became of a talker."""

    made: list[float] = field(default_factory=list)
    """When each output was there."""

    waited: list[float] = field(default_factory=list)
    """How long it was ready before each of its steps."""

    ready_since: float | None = None
    waiting: int = 0
    ended_at: float | None = None


@dataclass(frozen=True)
class Made:
    """A step."""

    grant: Grant
    began_at: float
    ended_at: float


class SimulatedDevice:
    """Runs talkers to their end, or until `until`. step_s: how long a step of a kind takes for so many jobs."""

    def __init__(
        self,
        capacity: Capacity,
        talkers: list[Talker],
        step_s: Callable[[StepKind, int], float],
        order: Order = Order.LATEST_START,
        watch: Callable[[SimulatedDevice, Grant], None] = lambda device, grant: None,
    ) -> None:
        self.policy = Policy(capacity, MeasuredSteps(), order=order, max_wait_s=1.0)
        self.capacity = capacity
        self.talkers = talkers
        self.lives = [Life() for _ in talkers]
        self.running: dict[str, Grant] = {}
        self.steps: list[Made] = []
        self.now = 0.0
        self._step_s = step_s
        self._watch = watch
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()

    def run(self, until: float = 1_000.0) -> SimulatedDevice:
        for number, talker in enumerate(self.talkers):
            self._at(talker.comes_at, lambda number=number: self._come(number))
            if talker.commits_at is not None:
                self._at(talker.commits_at, lambda number=number: self._commit(number))
            if talker.cancelled_at is not None:
                self._at(talker.cancelled_at, lambda number=number: self._end(number))
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()
            self._choose()
        return self

    def ready(self) -> list[int]:
        """Those that wait for a step."""
        running = {number for grant in self.running.values() for number in grant.jobs}
        return [
            number
            for number, life in enumerate(self.lives)
            if life.ready_since is not None and life.ended_at is None and number not in running
        ]

    def committed(self, number: int) -> bool:
        demand = self.policy.demand(number)
        return demand is not None and demand.committed

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._sequence), event))

    def _come(self, number: int) -> None:
        talker, life = self.talkers[number], self.lives[number]
        if life.ended_at is not None:
            return  # it was cancelled before it came
        self.policy.add(number, Plan(talker.kind), talker.demand, self.now)
        life.ready_since = self.now
        if talker.takes_every is not None:
            self._at(self.now + talker.takes_every, lambda: self._take(number))

    def _commit(self, number: int) -> None:
        if (demand := self.policy.demand(number)) is not None:
            self.policy.ask(number, demand.commit())
            if self.lives[number].ready_since is not None:
                self.lives[number].ready_since = self.now  # as a committed one it waits from now on

    def _end(self, number: int) -> None:
        self.policy.end(number)
        self.lives[number].ended_at = self.now

    def _take(self, number: int) -> None:
        talker, life = self.talkers[number], self.lives[number]
        if life.ended_at is not None:
            return
        if life.waiting:
            life.waiting -= 1
            if life.ready_since is None and not any(number in grant.jobs for grant in self.running.values()):
                life.ready_since = self.now
                self.policy.wake(number, self.now)
        assert talker.takes_every is not None
        self._at(self.now + talker.takes_every, lambda: self._take(number))

    def _choose(self) -> None:
        for grant in self.policy.choose(self.now):
            self._watch(self, grant)
            for number in grant.jobs:
                life = self.lives[number]
                assert life.ready_since is not None
                life.waited.append(self.now - life.ready_since)
                life.ready_since = None
            assert grant.kind.lane not in self.running
            self.running[grant.kind.lane] = grant
            ends_at = self.now + self._step_s(grant.kind, len(grant.jobs))
            self.steps.append(Made(grant, self.now, ends_at))
            self._at(ends_at, lambda grant=grant: self._finish(grant))

    def _finish(self, grant: Grant) -> None:
        del self.running[grant.kind.lane]
        self.policy.finished(grant.kind.lane, self.now, grant.jobs)
        for number in grant.jobs:
            talker, life = self.talkers[number], self.lives[number]
            if life.ended_at is not None:
                continue
            life.made.append(self.now)
            life.waiting += 1
            if len(life.made) == talker.outputs:
                self._end(number)
            elif life.waiting >= talker.room:
                self.policy.park(number)
            else:
                life.ready_since = self.now
