"""Who is served, and who is parked, on real threads."""

from __future__ import annotations

import itertools
import threading

from tests.utils.engines.fake_work import NEVER_DUE, Gate, counting, on_a_thread, plan
from tests.waiting import DEADLINE_S, wait_until
from utils.engines.demands import Capacity, Demand, Part, Plan
from utils.engines.job import Terms
from utils.engines.scheduler import Scheduler
from utils.engines.work import Stepped


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


def test_a_watch_that_fails_does_not_end_the_lane(caplog):
    scheduler = Scheduler(Capacity(1), watch={}.__getitem__)
    lane = scheduler.lane("tts")
    assert lane.run(counting(3), plan(lane), NEVER_DUE) == 3
    assert scheduler.close(DEADLINE_S)
    assert "could not be told of" in caplog.text
