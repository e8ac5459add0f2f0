"""The outputs of a job, and the end of one that is not wanted any more."""

from __future__ import annotations

import contextlib
import gc
import threading
from concurrent.futures import CancelledError

import pytest

from tests.utils.engines.fake_work import NEVER_DUE, Gate, counting, on_a_thread, plan
from tests.waiting import DEADLINE_S, wait_until
from utils.engines.costs import MeasuredSteps
from utils.engines.demands import Capacity, Demand
from utils.engines.job import Terms
from utils.engines.scheduler import Scheduler
from utils.engines.work import Stepped, one_step
from utils.system.engine_thread import Abandoned


def test_a_stream_keeps_its_order_and_a_job_has_a_result(lane):
    assert list(lane.stream(counting(100), plan(lane), NEVER_DUE)) == list(range(100))
    assert lane.run(counting(7), plan(lane), NEVER_DUE) == 7
    assert lane.run(one_step(lambda: "all"), plan(lane), NEVER_DUE) == "all"


def test_several_items_of_a_step(lane):
    def work():
        yield Stepped("ab")
        yield Stepped()
        yield Stepped("c")

    assert list(lane.stream(work(), plan(lane), NEVER_DUE)) == ["a", "b", "c"]


def test_an_error_comes_after_the_items_before_it_and_the_lane_goes_on(lane):
    def work():
        yield Stepped([1])
        raise KeyError("x")

    stream = lane.stream(work(), plan(lane), NEVER_DUE)
    assert next(stream) == 1
    with pytest.raises(KeyError):
        next(stream)
    with pytest.raises(KeyError):
        lane.run(work(), plan(lane), NEVER_DUE)
    assert lane.run(counting(2), plan(lane), NEVER_DUE) == 2


def test_work_that_is_abandoned_from_within_ends_without_an_error(lane):
    def work():
        yield Stepped([1])
        raise Abandoned

    assert list(lane.stream(work(), plan(lane), NEVER_DUE)) == [1]
    with pytest.raises(CancelledError):
        lane.run(work(), plan(lane), NEVER_DUE)


def test_an_error_of_live_is_the_jobs(lane):
    asked = []

    def live():
        asked.append(1)
        if threading.current_thread() is lane.thread:
            raise ZeroDivisionError
        return True

    with pytest.raises(ZeroDivisionError):
        lane.run(counting(2), plan(lane), NEVER_DUE, live)


def test_a_job_that_is_not_live_ends_early_and_is_closed_on_the_lane(lane):
    live, closed, taken = threading.Event(), threading.Event(), []
    live.set()
    for item in lane.stream(counting(10**9, closed), plan(lane), NEVER_DUE, Terms(live.is_set, room=3)):
        taken.append(item)
        if item == 5:
            live.clear()
    assert taken == list(range(6))
    assert closed.wait(DEADLINE_S)


def test_a_caller_goes_on_at_once_when_its_job_is_not_live(lane):
    gate, live = Gate(), threading.Event()
    live.set()

    def call():
        with pytest.raises(CancelledError):
            lane.stream(gate, plan(lane), NEVER_DUE, Terms(live.is_set)).result()

    join = on_a_thread(call)
    assert gate.begun.acquire(timeout=DEADLINE_S)
    live.clear()
    join()  # its step is still being made
    assert not gate.closed.is_set()
    gate.release.release()
    assert gate.closed.wait(DEADLINE_S)
    assert not gate.begun.acquire(blocking=False)  # it got no further step


@pytest.mark.parametrize("drop", ["close", "collect"])
def test_a_stream_that_is_closed_or_dropped_cancels_its_job(lane, drop):
    closed = threading.Event()
    stream = lane.stream(counting(10**9, closed), plan(lane), NEVER_DUE, Terms(room=3))
    assert next(stream) == 0
    if drop == "close":
        stream.close()
        stream.close()
    del stream
    gc.collect()
    assert closed.wait(DEADLINE_S)
    assert lane.run(counting(2), plan(lane), NEVER_DUE) == 2


def test_a_cancelled_job_is_closed_before_the_next_job_begins(lane):
    """Both may use the same conversation's cache."""
    events = []

    def work(name):
        try:
            while True:
                events.append(name)
                yield Stepped([name])
        finally:
            events.append(f"end of {name}")

    with contextlib.closing(lane.stream(work("first"), plan(lane), NEVER_DUE)) as stream:
        next(stream)
    with contextlib.closing(lane.stream(work("second"), plan(lane), NEVER_DUE)) as stream:
        next(stream)
    assert events.index("end of first") < events.index("second")


def test_a_work_that_fails_to_close_is_logged_and_the_lane_goes_on(lane, caplog):
    class Broken(Gate):
        def close(self):
            raise OSError("no")

    gate = Broken(1)
    gate.release.release()
    assert list(lane.stream(gate, plan(lane), NEVER_DUE)) == ["gate"]
    assert lane.run(counting(2), plan(lane), NEVER_DUE) == 2
    assert "could not be closed" in caplog.text


class Collecting(MeasuredSteps):
    """Drops a stream in the midst of a decision, as the garbage collector may."""

    def __init__(self):
        super().__init__()
        self.streams = []

    def step_s(self, kind, batch):
        while self.streams:
            self.streams.pop().close()
        return super().step_s(kind, batch)


def test_a_stream_that_is_collected_in_the_midst_of_a_decision():
    costs, closed = Collecting(), threading.Event()
    scheduler = Scheduler(Capacity(1), costs=costs)
    lane = scheduler.lane("tts")
    stream = lane.stream(counting(10, closed), plan(lane), NEVER_DUE, Terms(room=1))
    assert next(stream) == 0
    wait_until(lambda: scheduler.figures().parked == 1, "parking")
    costs.streams.append(stream)
    assert lane.run(counting(3), plan(lane), Demand.first(0.0)) == 3
    assert closed.wait(DEADLINE_S)
    assert (scheduler.figures().ready, scheduler.figures().parked) == (0, 0)
    assert scheduler.close(DEADLINE_S)
