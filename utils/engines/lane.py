"""A lane: the one long-lived thread on which an engine is loaded, warmed up and run, step by step.

Torch gives every new Python thread an OpenMP pool of its own, CUDA graphs belong to the thread that recorded them, and
espeak to the one that began it. So the threads of the stages, of which each conversation has several, do not run a
model. They give jobs to its lane and take what comes of them. Which job gets the next step, the scheduler says.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from utils.engines.demands import Demand, Part, Plan, StepKind
from utils.engines.job import Job, Stream, Terms
from utils.engines.policy import Grant
from utils.engines.work import Advance, GeneratorWork, Stepped, Steps, Work
from utils.system.engine_thread import Abandoned, Live, always, as_future, result_of

if TYPE_CHECKING:
    from utils.engines.scheduler import Scheduler

logger = logging.getLogger(__name__)

T = TypeVar("T")
Chore = Callable[[], None]
Outcome = Stepped[Any] | BaseException | None
"""What came of a job's step; None: it was not wanted any more, and not made."""


class Lane:
    """Made by `Scheduler.lane`. Its thread is a daemon, so that a load that hangs can't keep the process alive."""

    def __init__(self, name: str, scheduler: Scheduler, lock: threading.RLock) -> None:
        self.name = name
        self._scheduler = scheduler
        self._batches: dict[StepKind, Advance] = {}
        # The scheduler's, under its lock.
        self.chores: deque[Chore] = deque()
        self.grant: Grant | None = None
        self.closed = False
        self.changed = threading.Condition(lock)
        self.thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)
        self.thread.start()

    # --- chores: loading, and what takes no time; they are no steps, and do not count for the device's capacity

    def submit(self, chore: Callable[[], T], live: Live = always) -> Future[T]:
        """Run `chore` on the lane's thread, after those before it and before any step; return at once.

        One that nobody wants any more when its turn comes is not started. Raises EngineClosed after `close`.
        """
        future, work = as_future(chore, live)
        self._scheduler.add_chore(self, work)
        return future

    def call(self, chore: Callable[[], T], live: Live = always) -> T:
        """The same, and wait for it. Returns what it returns, and raises what it raises.

        Raises CancelledError when `live` turns false. The caller then goes on at once. The chore ends later, and its
        result is dropped.
        """
        return result_of(self.submit(chore, live), live, self.thread)

    # --- jobs

    def kind(self, part: Part, name: str, threads: int = 1, max_batch: int = 1) -> StepKind:
        """A kind of steps of this lane. See `StepKind`."""
        return StepKind(self.name, part, name, threads, max_batch)

    def batch(self, kind: StepKind, advance: Advance) -> None:
        """Steps of this kind are made by `advance`, for all works that are ready, up to `kind.max_batch`."""
        self._batches[kind] = advance

    def stream(
        self, work: Steps[T, Any] | Work[T], plan: Plan, demand: Demand, terms: Terms[T] | None = None
    ) -> Stream[T]:
        """The outputs of a job. See `Stream`. plan: until its first step says otherwise."""
        made: Work[T] = GeneratorWork(work) if isinstance(work, Generator) else work
        return Stream(self, Job(made, plan, demand, terms or Terms()))

    def run(self, work: Steps[Any, T], plan: Plan, demand: Demand, live: Live = always) -> T:
        """What the job comes to, when it is over. Raises what the job raises, and CancelledError when `live` turns
        false; the caller then goes on at once, and the job gets no further step."""
        result: T = self.stream(work, plan, demand, Terms(live)).result()
        return result

    def add(self, job: Job[Any]) -> None:
        """See `Runner`. Raises ValueError where the plan is another lane's, or can't be made alone."""
        self._check(job.plan)
        self._scheduler.add(self, job)

    def wake(self, job: Job[Any]) -> None:
        self._scheduler.wake(job)

    def ask(self, job: Job[Any], demand: Demand) -> None:
        self._scheduler.ask(job, demand)

    def cancel(self, job: Job[Any]) -> None:
        self._scheduler.cancel(self, job)

    def close(self, timeout: float | None = None) -> bool:
        """Take no more work, finish the chores that wait, end the thread. Jobs end with EngineClosed, within a step.

        False: it is still busy after `timeout` seconds.
        """
        self._scheduler.close_lane(self)
        self.thread.join(timeout)
        return not self.thread.is_alive()

    # --- on the lane's thread

    def _run(self) -> None:
        while (task := self._scheduler.next_task(self)) is not None:
            task()
            del task  # it holds its arguments and result: let go of them while waiting for the next

    def step(self, jobs: Sequence[Job[Any]], kind: StepKind) -> list[Outcome]:
        """Make one step for those of the jobs that are wanted. Called by the scheduler, on the lane's thread."""
        wanted = [_is_wanted(job) for job in jobs]
        works = [job.work for job, want in zip(jobs, wanted, strict=True) if want is True]
        made = iter(self._made(works, kind) if works else [])
        return [next(made) if want is True else want for want in wanted]

    def _made(self, works: Sequence[Work[Any]], kind: StepKind) -> list[Outcome]:
        try:
            if (advance := self._batches.get(kind)) is None:
                [work] = works
                return [self._checked(work.step())]
            made = [self._checked(outcome) for outcome in advance(works)]
            if len(made) != len(works):
                raise RuntimeError(f"a step for {len(works)} jobs has given {len(made)} results")
            return made
        except Abandoned:
            return [None] * len(works)
        except BaseException as error:
            return [error] * len(works)

    def _checked(self, outcome: Stepped[Any] | BaseException) -> Outcome:
        if isinstance(outcome, Stepped) and outcome.plan is not None:
            self._check(outcome.plan)
        return outcome

    def _check(self, plan: Plan) -> None:
        if plan.kind.lane != self.name:
            raise ValueError(f"a step of the lane {plan.kind.lane} was planned on {self.name}")
        if plan.kind.max_batch > 1 and plan.kind not in self._batches:
            raise ValueError(f"nobody has said how to make a batched {plan.kind.name} step")


def close_work(job: Job[Any]) -> None:
    """Let go of what the job holds. On the lane's thread."""
    try:
        job.work.close()
    except Exception:
        logger.exception("a job of the %s could not be closed", job.plan.kind.part)


def _is_wanted(job: Job[Any]) -> Any:
    """True; or the outcome of a step that is not made."""
    try:
        return True if not job.cancelled and job.terms.live() else None
    except BaseException as error:
        return error
