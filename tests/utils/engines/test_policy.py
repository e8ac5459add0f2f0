"""Who is served first, in tables."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.utils.engines.simulated_device import SimulatedDevice, Talker
from utils.engines.costs import MeasuredSteps
from utils.engines.demands import Capacity, Demand, Order, Part, Plan, StepKind
from utils.engines.policy import GUARD_EVERY, PATIENCE_S, Policy

STEP_S = 0.05  # of all kinds here, as none is measured
ONE = Capacity(1)
TOKEN = StepKind("lm", Part.LM, "token")
PIECE = StepKind("tts", Part.TTS, "piece")
WINDOW = StepKind("stt", Part.STT, "window")
NOW = 100.0


def policy(*jobs, capacity=ONE, order=Order.LATEST_START, max_wait_s=math.inf):
    """jobs: (plan, demand), numbered from 0 on."""
    made = Policy(capacity, MeasuredSteps(), order=order, max_wait_s=max_wait_s)
    for number, (plan, demand) in enumerate(jobs):
        made.add(number, plan, demand, NOW)
    return made


def chosen(made, now=NOW):
    return [list(grant.jobs) for grant in made.choose(now)]


def served(made, steps, now=NOW):
    """The jobs of the next so many steps, each job's only one, on a device that makes one at a time."""
    order = []
    for _ in range(steps):
        [grant] = made.choose(now)
        order.extend(grant.jobs)
        now += STEP_S
        made.finished(grant.kind.lane, now)
        for number in grant.jobs:
            made.end(number)
    return order


def first(kind=PIECE, asked=0.0, steps=1.0, after_s=0.0):
    return Plan(kind, steps), Demand.first(NOW + asked, after_s)


def speech(dry_in, kind=PIECE, steps=1.0):
    return Plan(kind, steps), Demand.speech(NOW, NOW + dry_in)


def text(out_in, after_s=0.0, steps=1.0):
    return Plan(TOKEN, steps), Demand.text(NOW, NOW + out_in, after_s)


def ahead(kind=TOKEN, asked=0.0):
    return Plan(kind), Demand.ahead(NOW + asked)


@pytest.mark.parametrize(
    ("jobs", "order"),
    [
        ([speech(2.0), speech(1.0)], [1, 0]),  # due first
        ([speech(2.0), first()], [1, 0]),  # 0.3 s from now, before 1.9
        ([first(), speech(0.35)], [1, 0]),  # 0.25 s from now
        ([speech(1.0), speech(1.1, steps=10)], [1, 0]),  # due later, with more work: to be begun at 0.5, not at 0.85
        ([text(1.0), text(1.2, after_s=0.5)], [1, 0]),  # the voice has work to do on it
        ([text(0.9), speech(0.9)], [1, 0]),  # speech is due before it runs dry, text when it is needed
        ([first(WINDOW), first(WINDOW)], [0, 1]),  # equally urgent: as they came
        ([ahead(), speech(60.0), ahead(), first()], [3, 1, 0, 2]),  # what nobody waits for comes last
        ([ahead(asked=-1), ahead(asked=-2)], [1, 0]),
        ([(Plan(TOKEN), Demand(NOW)), speech(60.0)], [1, 0]),  # without a due time, but somebody will have it
    ],
)
def test_urgency(jobs, order):
    assert served(policy(*jobs), len(jobs)) == order


@pytest.mark.parametrize(
    ("jobs", "order"),
    [
        # Two first sounds can't both be in time: the one that was asked for first, though it began later.
        ([first(asked=-0.1, steps=5), first(asked=-0.2, steps=5)], [1, 0]),
        # Late already: speech that is heard has a second, and loses nothing by waiting.
        ([speech(1.2), first(asked=-1)], [1, 0]),
        # It would: a step of the first sound makes it late.
        ([speech(0.19), first(asked=-1)], [0, 1]),
        # One would be in time, two would not.
        ([speech(0.24), speech(0.24), first(asked=-1)], [0, 1, 2]),
        # The same with text of which the voice has nothing left.
        ([text(0.09), first(asked=-1)], [0, 1]),
        # Late speech among late speech: by urgency.
        ([speech(0.0), speech(-1.0), first(asked=-1)], [1, 0, 2]),
    ],
)
def test_past_capacity(jobs, order):
    made = policy(*jobs)
    assert made.past_capacity(NOW)
    assert served(made, len(jobs)) == order


def test_past_capacity_there_is_no_speculation():
    made = policy(first(asked=-1), ahead(WINDOW), capacity=Capacity(2))
    assert chosen(made) == [[0]]
    assert made.past_capacity(NOW)
    made = policy(first(), ahead(WINDOW), capacity=Capacity(2))
    assert chosen(made) == [[0], [1]]


@pytest.mark.parametrize(
    ("dry_in", "past"),
    [(0.1 + 4 * STEP_S - 0.001, True), (0.1 + 4 * STEP_S + 0.001, False)],
)
def test_the_capacity_counts_each_lane_and_the_device(dry_in, past):
    """Four steps: on a device that makes one at a time, or on one lane of another."""
    lanes = [StepKind(f"lane{number}", Part.TTS, "piece") for number in range(4)]
    assert policy(*(speech(dry_in, kind) for kind in lanes)).past_capacity(NOW) == past
    assert policy(*(speech(dry_in) for _ in range(4)), capacity=Capacity(4)).past_capacity(NOW) == past
    assert not policy(*(speech(dry_in, kind) for kind in lanes), capacity=Capacity(4)).past_capacity(NOW)
    together = StepKind("tts", Part.TTS, "piece", max_batch=4)
    assert not policy(*(speech(dry_in, together) for _ in range(4))).past_capacity(NOW)


def test_on_a_cpu_a_step_costs_its_threads():
    wide = StepKind("tts", Part.TTS, "piece", threads=2)
    two_cores = Capacity(2, counts_threads=True)
    assert chosen(policy(first(), first(TOKEN), first(WINDOW), capacity=two_cores)) == [[0], [1]]
    # The urgent one needs both cores, which are not free: nothing less urgent goes before it.
    made = policy(first(TOKEN, asked=-1), capacity=two_cores)
    assert chosen(made) == [[0]]
    made.add(1, *first(wide, asked=-2), NOW)
    made.add(2, *first(WINDOW), NOW)
    assert chosen(made) == []
    made.finished("lm", NOW)
    made.end(0)
    assert chosen(made) == [[1]]
    # One that wants more threads than there are gets all.
    assert chosen(policy(first(StepKind("tts", Part.TTS, "piece", threads=64)), capacity=two_cores)) == [[0]]


def test_the_model_rests_until_the_voice_begins():
    """On two cores the voice's first sound is more urgent than the text after it, and takes both."""
    voice = StepKind("tts", Part.TTS, "part", threads=2)
    made = policy(text(3.0), first(voice), capacity=Capacity(2, counts_threads=True))
    assert chosen(made) == [[1]]
    made.finished("tts", NOW + 0.1, [1])
    made.ask(1, Demand.speech(NOW, NOW + 5.0))  # now there is more sound than text
    assert chosen(made, NOW + 0.1) == [[0]]


def test_all_ready_jobs_of_a_kind_share_a_step():
    together = StepKind("tts", Part.TTS, "frame", max_batch=3)
    other = StepKind("tts", Part.TTS, "prompt", max_batch=3)
    made = policy(
        speech(5.0, together), speech(4.0, together), ahead(together), speech(1.0, other), speech(2.0, together)
    )
    assert chosen(made) == [[3]]
    made.finished("tts", NOW)
    made.plan(3, Plan(together))  # its prompt is read: it joins
    assert chosen(made) == [[3, 4, 1]]
    made.finished("tts", NOW)
    made.end(3)
    made.park(1)
    assert chosen(made) == [[4, 0, 2]]  # there is room for what is speculative
    made.finished("tts", NOW)
    made.ask(0, Demand.speech(NOW, NOW - 1))
    assert chosen(made) == [[0, 4]]  # now there is no time for it


def test_a_lane_with_something_else_to_do_gets_no_step():
    made = policy(first())
    made.occupy("tts")
    assert chosen(made) == []
    made.vacate("tts")
    assert chosen(made) == [[0]]


def test_parking_and_waking():
    made = policy(first(), speech(9.0))
    made.park(0)
    assert chosen(made) == [[1]]
    made.wake(0, NOW)
    made.wake(0, NOW)
    made.wake(7, NOW)  # one that is over
    assert chosen(made) == []
    made.park(1)  # in its step: it gets no other
    made.finished("tts", NOW)
    assert chosen(made) == [[0]]
    figures = made.figures(NOW)
    assert (figures.ready, figures.parked) == (1, 1)


def test_a_cancelled_job_leaves_while_its_step_is_made():
    made = policy(first(), first(asked=-0.1))
    assert chosen(made) == [[1]]
    made.end(1)
    made.end(0)
    made.park(1)
    made.wake(1, NOW)
    assert chosen(made) == []
    made.finished("tts", NOW, [1])
    assert chosen(made) == []
    assert made.figures(NOW).ready == 0
    assert made.demand(1) is None


def test_speculation_that_is_committed_is_served_as_such():
    made = policy(ahead(), first())
    speculative = made.demand(0)
    made.ask(0, Demand.first(NOW - 0.1))
    assert speculative.commit().committed
    assert chosen(made) == [[0]]


def test_first_come():
    jobs = [ahead(), speech(9.0), first(asked=-1)]
    made = policy(*jobs, order=Order.FIRST_COME)
    for _ in range(3):
        assert chosen(made) == [[0]]  # until it ends
        made.finished("lm", NOW)
    made.end(0)
    assert served(made, 2) == [1, 2]


@settings(max_examples=10)
@given(heard=st.integers(2, 5), step_s=st.sampled_from([0.01, 0.02]), lanes=st.integers(1, 3), units=st.integers(1, 2))
def test_replies_past_capacity_do_not_starve_a_first_sound(heard, step_s, lanes, units):
    def kind(number):
        return StepKind(f"lane{number % lanes}", Part.TTS, "piece", threads=1 + number % 2)

    playing = [Talker(kind(number), Demand.speech(0.0, -9.0), 0.0, outputs=10_000) for number in range(heard)]
    waiting = [Talker(kind(number), Demand.first(1.0), 1.0, outputs=3) for number in range(3)]
    device = SimulatedDevice(Capacity(units, True), playing + waiting, lambda kind, batch: step_s).run(until=20.0)
    bound = PATIENCE_S + (GUARD_EVERY + 1) * (heard + 3) * step_s * lanes
    for life in device.lives:
        assert life.made
        assert max(life.waited) <= bound
        assert life.ended_at is not None or device.now - life.made[-1] <= bound
    # It gets what is needed against starving, and the replies get the rest.
    assert sum(len(life.made) for life in device.lives[:heard]) > 0.8 * len(device.steps)


def test_where_all_can_be_in_time_all_are():
    """Six listeners, and a step of 10 ms is a tenth of a second of sound: 60 % of the device."""
    frame = StepKind("tts", Part.TTS, "piece")
    talkers = [Talker(frame, Demand.first(0.05 * n), 0.05 * n, 50, room=5, takes_every=0.1) for n in range(6)]
    device = SimulatedDevice(ONE, talkers, lambda kind, batch: 0.01)

    def paced(number):
        life, talker = device.lives[number], talkers[number]
        return max(life.made[0], talker.comes_at) + 0.1 * len(life.made)

    finish = device._finish

    def finish_and_ask(grant):
        finish(grant)
        for number in grant.jobs:
            device.policy.ask(number, Demand.speech(0.0, paced(number)))

    device._finish = finish_and_ask
    device.run()
    for talker, life in zip(talkers, device.lives, strict=True):
        assert life.made[0] - talker.comes_at <= 0.3
        assert all(when <= life.made[0] + 0.1 * n for n, when in enumerate(life.made))
