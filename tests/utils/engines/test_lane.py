"""A lane: its thread, its chores, its end."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from tests.utils.engines.fake_work import NEVER_DUE, Gate, counting, on_a_thread, plan
from tests.waiting import DEADLINE_S, wait_until
from utils.engines.demands import Capacity, Demand
from utils.engines.job import Terms
from utils.engines.scheduler import Scheduler
from utils.engines.work import Stepped
from utils.system.engine_thread import EngineClosed


def test_chores_run_on_the_lanes_thread_in_their_order(lane):
    idents = {lane.call(threading.get_ident) for _ in range(3)}
    idents |= set(lane.stream(threads(3), plan(lane), NEVER_DUE))
    assert idents == {lane.thread.ident}
    done = []
    for number in range(10):
        lane.submit(lambda number=number: done.append(number))
    lane.call(lambda: None)
    assert done == list(range(10))


def threads(count):
    for _ in range(count):
        yield Stepped([threading.get_ident()])


def test_a_chore_returns_or_raises(lane):
    assert lane.call(lambda: 3) == 3
    with pytest.raises(KeyError):
        lane.call({}.popitem)
    with pytest.raises(CancelledError):
        lane.call(lambda: 1, lambda: False)
    assert lane.call(lambda: 4) == 4


def test_lanes_load_beside_each_other(scheduler):
    """Whatever the capacity: a load is no step."""
    both = threading.Barrier(2)
    loads = [scheduler.lane(name).submit(lambda: both.wait(DEADLINE_S)) for name in ("lm", "tts")]
    assert sorted(load.result(DEADLINE_S) for load in loads) == [0, 1]


def test_a_lane_that_loads_does_not_hold_the_device(scheduler):
    """Not even where a job waits for it."""
    loading, voice, release = scheduler.lane("lm"), scheduler.lane("tts"), threading.Event()
    load = loading.submit(lambda: release.wait(DEADLINE_S))
    join = on_a_thread(lambda: loading.run(counting(1), plan(loading), Demand.first(-9.0)))
    wait_until(lambda: scheduler.figures().ready == 1, "its job")
    assert voice.run(counting(3), plan(voice), NEVER_DUE) == 3
    assert not load.done()
    release.set()
    join()


def test_a_lane_of_the_same_name_is_the_same_lane(scheduler):
    assert scheduler.lane("mps") is scheduler.lane("mps")


def test_a_closed_lane_takes_nothing(scheduler):
    lane = scheduler.lane("lm")
    assert lane.close(DEADLINE_S)
    assert lane.close(DEADLINE_S)
    with pytest.raises(EngineClosed):
        lane.call(lambda: 1)
    with pytest.raises(EngineClosed):
        lane.run(counting(1), plan(lane), NEVER_DUE)


def test_closing_finishes_the_chores_and_ends_the_jobs(scheduler):
    lane, release, done = scheduler.lane("lm"), threading.Event(), []
    parked = lane.stream(counting(10), plan(lane), NEVER_DUE, Terms(room=1))
    assert next(parked) == 0
    wait_until(lambda: scheduler.figures().parked == 1, "parking")
    lane.submit(lambda: release.wait(DEADLINE_S))
    lane.submit(lambda: done.append(1))
    assert not lane.close(0.0)
    release.set()
    assert lane.close(DEADLINE_S)
    assert done == [1]
    assert next(parked) == 1  # what was made is taken
    with pytest.raises(EngineClosed):
        list(parked)


def test_closing_in_a_step_ends_the_job_within_it(scheduler):
    lane, gate = scheduler.lane("lm"), Gate()

    def take():
        with pytest.raises(EngineClosed):
            list(lane.stream(gate, plan(lane), NEVER_DUE))

    join = on_a_thread(take)
    assert gate.begun.acquire(timeout=DEADLINE_S)
    assert not lane.close(0.0)
    join()
    gate.release.release()
    assert lane.close(DEADLINE_S)
    assert gate.closed.is_set()


def test_what_hangs_does_not_hold_up_the_close():
    scheduler, release = Scheduler(Capacity(1)), threading.Event()
    scheduler.lane("lm").submit(lambda: release.wait(DEADLINE_S))
    scheduler.lane("tts")
    assert not scheduler.close(0.0)
    release.set()
    assert scheduler.close(DEADLINE_S)


def test_a_step_planned_on_another_lane_is_refused(scheduler, lane):
    other = plan(scheduler.lane("lm"))
    with pytest.raises(ValueError, match="was planned on"):
        lane.run(counting(1), other, NEVER_DUE)

    def work():
        yield Stepped(plan=other)

    with pytest.raises(ValueError, match="was planned on"):
        lane.run(work(), plan(lane), NEVER_DUE)
