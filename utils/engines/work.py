"""The work of a job, cut into steps.

Most engines write it as a generator that yields after each step:

    def reply(prompt: list[int]) -> Steps[str, None]:
        for block in blocks(prompt):
            read(block)
            yield Stepped(plan=Plan(token, steps=8))
        while not over:
            yield Stepped([text_of(next_token())])

A step waits for nothing: neither for a listener nor for another job. Steps, and `close`, run on the lane's thread.

Between two steps of a job come steps of others, on the same engine. So what the engine keeps for the last step only,
such as logits, has to be used in that step: what is read and the choice of the next token are one step.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from utils.engines.demands import Plan

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Stepped(Generic[T_co]):
    """What came of a step."""

    items: Sequence[T_co] = ()
    """Outputs that are ready on the host, in order. Most steps have none or one."""

    plan: Plan | None = None
    """What is expected of the job from now on, where that has changed."""

    over: bool = False
    """It was the last step. A generator ends instead."""

    result: Any = None
    """What the job comes to, with its last step. A generator returns it instead."""


Steps = Generator[Stepped[T_co], None, T]
"""Work as a generator: it yields items of the first type in each `Stepped`, and returns the second."""


class Work(Protocol[T_co]):
    """Work as an object. One whose next step is of a kind that is batched is given to that kind's `Advance`."""

    def step(self) -> Stepped[T_co]:
        """Make one step, alone. Raises what the engine raises; then the job is over."""

    def close(self) -> None:
        """Let go of what it holds. Called once: after the last step, an error, or a cancellation."""


Advance = Callable[[Sequence[Any]], Sequence["Stepped[Any] | BaseException"]]
"""Makes one batched step for several works → what came of it for each, in their order. An error is the job's own."""


class GeneratorWork(Generic[T]):
    """See `Work`."""

    def __init__(self, steps: Steps[T, Any]) -> None:
        self._steps = steps

    def step(self) -> Stepped[T]:
        try:
            return next(self._steps)
        except StopIteration as end:
            return Stepped(over=True, result=end.value)

    def close(self) -> None:
        self._steps.close()


def one_step(do: Callable[[], T]) -> Steps[Any, T]:
    """Work that can't be divided: one long step, whose result is what `do` returns."""
    return do()
    yield  # what makes it a generator
