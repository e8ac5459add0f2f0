"""The scheduler's lanes and jobs, with engines that do nothing, on real threads."""

from __future__ import annotations

import contextlib
import gc
import itertools
import threading
from concurrent.futures import CancelledError

import pytest

from tests.waiting import DEADLINE_S, wait_until
from utils.engines.demands import Capacity, Demand, Part, Plan
from utils.engines.job import Terms
from utils.engines.scheduler import Scheduler
from utils.engines.work import Stepped, one_step
from utils.system.engine_thread import Abandoned, EngineClosed

NEVER_DUE = Demand(0.0)


@pytest.fixture
def scheduler():
    made = Scheduler(Capacity(1))
    yield made
    assert made.close(DEADLINE_S)


@pytest.fixture
def lane(scheduler):
    return scheduler.lane("tts")


def plan(lane, part=Part.TTS, name="piece", **options):
    return Plan(lane.kind(part, name, **options))


def counting(count, closed=None):
    """Work of so many steps, one number each; what it comes to is how many there were."""
    try:
        for number in range(count):
            yield Stepped([number])
        return count
    finally:
        if closed is not None:
            closed.set()


def on_a_thread(do):
    """Run `do` beside the test. Returns a function that waits for its end, and raises what it raised."""
    raised = []

    def run():
        try:
            do()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join():
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
        if raised:
            raise raised[0]

    return join


class Gate:
    """Work whose every step waits until the test lets it go on: what a step never does."""

    def __init__(self, steps=1_000):
        self.begun, self.release = threading.Semaphore(0), threading.Semaphore(0)
        self.steps = steps
        self.closed = threading.Event()

    def step(self):
        self.begun.release()
        assert self.release.acquire(timeout=DEADLINE_S)
        self.steps -= 1
        return Stepped(["gate"], over=self.steps <= 0)

    def close(self):
        self.closed.set()


# --- chores, as `EngineThread` has them


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


# --- the outputs of a job


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


# --- the end of what is not wanted any more


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


# --- parking


def test_a_job_whose_consumer_has_enough_is_parked_and_woken(scheduler, lane):
    made = []

    def work():
        for number in range(10):
            made.append(number)
            yield Stepped([number])

    stream = lane.stream(work(), plan(lane), NEVER_DUE, Terms(room=3))
    assert next(stream) == 0
    wait_until(lambda: scheduler.figures().parked == 1, "parking")
    assert made == [0, 1, 2, 3]  # one was taken, three wait
    assert lane.run(counting(5), plan(lane), NEVER_DUE) == 5  # the lane is free
    assert made == [0, 1, 2, 3]
    assert list(stream) == list(range(1, 10))
    assert scheduler.figures().parked == 0


def test_a_parked_job_is_cancelled(scheduler, lane):
    closed = threading.Event()
    stream = lane.stream(counting(10, closed), plan(lane), NEVER_DUE, Terms(room=1))
    assert next(stream) == 0
    wait_until(lambda: scheduler.figures().parked == 1, "parking")
    stream.close()
    assert closed.wait(DEADLINE_S)
    assert (scheduler.figures().parked, scheduler.figures().ready) == (0, 0)


def test_nobody_waits_for_a_listener_who_takes_nothing(lane):
    dead = [lane.stream(counting(10**9), plan(lane), NEVER_DUE, Terms(room=2)) for _ in range(20)]
    for stream in dead:
        next(stream)
    assert lane.run(counting(50), plan(lane), NEVER_DUE) == 50
    for stream in dead:
        stream.close()


def test_items_larger_than_the_room(lane):
    def work():
        for _ in range(3):
            yield Stepped(["four"])

    assert list(lane.stream(work(), plan(lane), NEVER_DUE, Terms(room=2, size=len))) == ["four"] * 3


# --- who is served


def test_on_a_shared_lane_the_parts_interleave(scheduler):
    """As on Apple's GPU: one thread, and the text goes on while the voice speaks."""
    lane = scheduler.lane("mps")
    order = []

    def work(name, steps):
        for _ in range(steps):
            order.append(name)
            yield Stepped([name])

    gate = Gate(1)
    begin = on_a_thread(lambda: list(lane.stream(gate, plan(lane), Demand.first(-9.0))))
    assert gate.begun.acquire(timeout=DEADLINE_S)
    streams = [
        lane.stream(work(part, 20), Plan(lane.kind(part, "step")), Demand.first(0.0), Terms(plays_s=lambda _: 1.0))
        for part in Part
    ]
    joins = [on_a_thread(lambda stream=stream: list(stream)) for stream in streams]
    wait_until(lambda: scheduler.figures().ready == 4, "all three")
    gate.release.release()
    for join in (begin, *joins):
        join()
    # All have begun before any of them has ended: each output puts off when the next one of its job is due.
    assert max(order.index(part) for part in Part) < min(len(order) - order[::-1].index(part) for part in Part) - 1
    assert sum(a != b for a, b in itertools.pairwise(order)) > 20


def test_the_more_urgent_job_goes_first_and_urgency_may_change(scheduler, lane):
    order, gate = [], Gate(1)

    def work(name):
        order.append(name)
        yield Stepped([name])

    begin = on_a_thread(lambda: list(lane.stream(gate, plan(lane), NEVER_DUE)))
    assert gate.begun.acquire(timeout=DEADLINE_S)
    demands = {"ahead": Demand.ahead(0.0), "late": Demand.speech(0, 1e9), "soon": Demand.speech(0, 1e8)}
    streams = {name: lane.stream(work(name), plan(lane), demand) for name, demand in demands.items()}
    joins = [on_a_thread(lambda stream=stream: list(stream)) for stream in streams.values()]
    wait_until(lambda: scheduler.figures().ready == 4, "all three")
    streams["late"].ask(Demand.speech(0, 1e7))
    streams["ahead"].commit()
    streams["ahead"].runs_dry(1e6)
    gate.release.release()
    for join in (begin, *joins):
        join()
    assert order == ["ahead", "late", "soon"]


def test_a_device_makes_as_many_steps_at_a_time_as_it_has_room_for():
    scheduler = Scheduler(Capacity(2, counts_threads=True))
    gates = [Gate(1) for _ in range(3)]
    lanes = [scheduler.lane(name) for name in ("stt", "lm", "tts")]
    streams = [lane.stream(gate, plan(lane), NEVER_DUE) for lane, gate in zip(lanes, gates, strict=True)]
    joins = [on_a_thread(lambda stream=stream: list(stream)) for stream in streams]
    wait_until(lambda: scheduler.figures().ready == 3, "all three")
    wait_until(lambda: sum(gate.begun._value for gate in gates) == 2, "two steps")
    for gate in gates:
        gate.release.release()
    for join in joins:
        join()
    assert scheduler.close(DEADLINE_S)


def test_each_step_is_told():
    told, times = [], iter(range(10_000))
    scheduler = Scheduler(Capacity(1), clock=lambda: float(next(times)), watch=told.append)
    lane = scheduler.lane("tts")
    assert lane.run(counting(3), plan(lane), Demand.first(0.0)) == 3
    wait_until(lambda: len(told) == 4, "the last step")
    assert {made.kind for made in told} == {plan(lane).kind}
    assert all(made.batch == 1 and made.seconds > 0 and len(made.lateness_s) == 1 for made in told)
    assert scheduler.figures().lateness[Part.TTS].median_s > 0
    assert scheduler.admits()
    assert scheduler.close(DEADLINE_S)


# --- the end of a lane


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
