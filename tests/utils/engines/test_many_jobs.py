"""Many jobs on real threads, with consumers that take all, stop early, or never take anything."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.utils.engines.fake_work import on_a_thread
from tests.waiting import DEADLINE_S, wait_until
from utils.engines.demands import Capacity, Demand, Need, Part, Plan
from utils.engines.job import Terms
from utils.engines.scheduler import Scheduler
from utils.engines.work import Stepped


@dataclass(frozen=True)
class Listener:
    lane: int
    outputs: int
    takes: int
    """Then it leaves."""

    room: int
    batched: bool
    fails_at: int | None
    demand: Demand


listeners = st.builds(
    Listener,
    lane=st.integers(0, 2),
    outputs=st.integers(0, 30),
    takes=st.integers(0, 40),
    room=st.integers(1, 4),
    batched=st.booleans(),
    fails_at=st.one_of(st.none(), st.none(), st.integers(0, 30)),
    demand=st.builds(
        Demand, st.floats(-1, 1), st.floats(-1, 9), st.sampled_from(Need), st.booleans(), st.floats(0, 0.1)
    ),
)


class Work:
    """Numbers from 0 on, each in a step of its own; it knows when two steps are made at once."""

    def __init__(self, listener):
        self.listener = listener
        self.made = 0
        self.closed = 0
        self.busy = threading.Lock()

    def step(self):
        assert self.busy.acquire(blocking=False)
        try:
            assert not self.closed
            if self.made == self.listener.fails_at:
                raise ZeroDivisionError
            if self.made == self.listener.outputs:
                return Stepped(over=True, result=self.made)
            self.made += 1
            return Stepped([self.made - 1])
        finally:
            self.busy.release()

    def close(self):
        self.closed += 1


def advance(works):
    made = []
    for work in works:
        try:
            made.append(work.step())
        except ZeroDivisionError as error:
            made.append(error)
    return made


def take(lane, work, kind):
    listener, taken = work.listener, []
    failed = pytest.raises(ZeroDivisionError) if fails(listener) else contextlib.nullcontext()
    terms = Terms(room=listener.room, plays_s=lambda _: 0.001)
    with failed, contextlib.closing(lane.stream(work, Plan(kind), listener.demand, terms)) as stream:
        while len(taken) < listener.takes:
            try:
                taken.append(next(stream))
            except StopIteration:
                break
    assert taken == list(range(len(taken)))
    assert len(taken) == min(listener.takes, expected(listener))


def expected(listener):
    return min(listener.outputs, listener.outputs if listener.fails_at is None else listener.fails_at)


def fails(listener):
    at = listener.fails_at
    return at is not None and at <= listener.outputs and listener.takes > at


@settings(max_examples=25)
@given(st.lists(listeners, min_size=1, max_size=16), st.integers(1, 3))
def test_each_gets_its_own_in_order_and_nothing_is_left(everybody, units):
    scheduler = Scheduler(Capacity(units))
    lanes = [scheduler.lane(name) for name in ("stt", "lm", "tts")]
    plain = [lane.kind(Part.TTS, "plain") for lane in lanes]
    batched = [lane.kind(Part.TTS, "batched", max_batch=3) for lane in lanes]
    for lane, kind in zip(lanes, batched, strict=True):
        lane.batch(kind, advance)
    works = [Work(listener) for listener in everybody]
    joins = [
        on_a_thread(
            lambda work=work, number=work.listener.lane: take(
                lanes[number], work, (batched if work.listener.batched else plain)[number]
            )
        )
        for work in works
    ]
    for join in joins:
        join()
    # Whoever took nothing did not begin.
    wait_until(lambda: all(work.closed == 1 for work in works if work.listener.takes), "all works closed")
    figures = scheduler.figures()
    assert (figures.ready, figures.parked) == (0, 0)
    assert all(work.closed <= 1 for work in works)
    assert scheduler.close(DEADLINE_S)
