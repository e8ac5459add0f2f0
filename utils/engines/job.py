"""A job in progress, and the stream of its outputs, which its consumer takes on a thread of its own."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from utils.engines.demands import Demand, Plan
from utils.engines.work import Work
from utils.system.engine_thread import WATCH_S, EngineClosed, Live, always

T = TypeVar("T")


def _one(_: object) -> float:
    return 1.0


@dataclass(frozen=True)
class Terms(Generic[T]):
    """What a consumer and the scheduler agree on."""

    live: Live = always
    """Whether the job is still wanted: asked before each of its steps, and while its consumer waits."""

    room: float = math.inf
    """How much may wait to be taken, in the unit of `size`. When so much waits, the job is parked; it is woken when
    there is room again. So a step may put more there than there was room for."""

    size: Callable[[T], float] = _one
    """The size of an item."""

    plays_s: Callable[[T], float] | None = None
    """How many seconds of sound an item is. With it, the next output is due when the listener has heard those before,
    counted from when the first was there. `Stream.runs_dry` corrects it. Text is due by its sentences: see
    `Demand.text` and `Stream.ask`."""


class Job(Generic[T]):
    """A job that was given to a lane. Its outputs are put by the lane's thread and taken by its consumer's."""

    def __init__(self, work: Work[T], plan: Plan, demand: Demand, terms: Terms[T]) -> None:
        self.work = work
        self.plan = plan
        self.demand = demand
        self.terms = terms
        self.number = -1  # until it is added
        self.cancelled = False
        self.runs_dry_at = -math.inf
        self.result: Any = None
        self.error: BaseException | None = None
        self._items: deque[T] = deque()
        self._waiting = 0.0  # their sizes
        self._ended = False
        self._changed = threading.Condition()

    # --- by the lane's thread

    def put(self, items: Sequence[T]) -> None:
        """Outputs for the consumer. Never waits."""
        with self._changed:
            self._items.extend(items)
            self._waiting += sum(map(self.terms.size, items))
            self._changed.notify_all()

    def end(self, result: Any = None, error: BaseException | None = None) -> None:
        """There will be no more. error: is raised to the consumer, after the items that came before it."""
        with self._changed:
            if not self._ended:
                self._ended, self.result, self.error = True, result, error
                self._changed.notify_all()

    @property
    def has_enough(self) -> bool:
        """Whether the consumer has so much to take that the job should rest. It takes no lock: see `Scheduler`."""
        return self._waiting >= self.terms.room

    # --- by the consumer's thread

    def take(self) -> tuple[list[T], bool]:
        """The next item, or none, where none comes for a moment or it was the last; and whether there was no room."""
        with self._changed:
            if not self._items and not self._ended:
                self._changed.wait(WATCH_S)
            if not self._items:
                return [], False
            had_enough = self._waiting >= self.terms.room
            item = self._items.popleft()
            self._waiting -= self.terms.size(item)
            return [item], had_enough

    @property
    def is_over(self) -> bool:
        """Whether everything has been taken and nothing will come."""
        return self._ended and not self._items


class Runner(Protocol):
    """What runs a stream's job: a lane."""

    thread: threading.Thread

    def add(self, job: Job[Any]) -> None:
        """Begin. Raises EngineClosed."""

    def wake(self, job: Job[Any]) -> None:
        """There is room again."""

    def ask(self, job: Job[Any], demand: Demand) -> None:
        """Something else is asked of it."""

    def cancel(self, job: Job[Any]) -> None:
        """It is not wanted any more. Does nothing to one that is over."""


class Stream(Iterator[T]):
    """The outputs of a job in their order, each as soon as it is there. The job begins with the first `next`.

    It ends early, without an error, when the job is not live any more. An error of the job is raised after all items
    that came before it. `close` cancels the job.
    """

    def __init__(self, lane: Runner, job: Job[T]) -> None:
        self._lane = lane
        self._job = job
        self._items = _take_all(lane, job)  # knows nothing of this object: dropped, it is closed at once

    def __next__(self) -> T:
        return next(self._items)

    def ask(self, demand: Demand) -> None:
        """Something else is asked of the job: at any moment, from any thread."""
        self._job.demand = demand
        self._lane.ask(self._job, demand)

    def commit(self) -> None:
        """The job is no longer speculative."""
        self.ask(self._job.demand.commit())

    def runs_dry(self, at: float) -> None:
        """With what was given out so far, the listener is busy until then: seconds on the clock."""
        self._job.runs_dry_at = at
        self.ask(self._job.demand.further(at))

    def close(self) -> None:
        """Cancel the job: it gets no further step. Called by the consumer's thread, also after the end."""
        self._items.close()

    def result(self) -> Any:
        """Take everything, and return what the job comes to. Raises CancelledError when it is not live any more, and
        what the job raises."""
        for _ in self:
            pass
        if not self._job.is_over or self._job.cancelled:
            raise CancelledError
        return self._job.result


def _take_all(lane: Runner, job: Job[T]) -> Generator[T, None, None]:
    live = job.terms.live
    lane.add(job)
    try:
        while live() and not job.is_over:
            items, had_enough = job.take()
            if had_enough and not job.has_enough:
                lane.wake(job)
            yield from items
            if not items and not lane.thread.is_alive() and not job.is_over:
                raise EngineClosed(lane.thread.name)
    finally:
        lane.cancel(job)
    if job.error is not None and live():
        raise job.error
