"""Whatever the mix of talkers, interruptions, slow and dead listeners: what the policy holds to."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.utils.engines.simulated_device import SimulatedDevice, Talker
from utils.engines.demands import Capacity, Demand, Need, Part, Plan, StepKind
from utils.engines.policy import GUARD_EVERY, PATIENCE_S

LONGEST_S = 0.2  # of a step in these simulations
EXAMPLES = settings(max_examples=150)

capacities = st.sampled_from(
    [Capacity(1), Capacity(2), Capacity(1, counts_threads=True), Capacity(2, counts_threads=True), Capacity(4, True)]
)


@st.composite
def step_kinds(draw):
    """A few kinds on one to three lanes; on a shared lane there are several parts."""
    lanes = draw(st.integers(1, 3))
    return [
        StepKind(f"lane{number % lanes}", part, "step", draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 2, 4])))
        for number, part in enumerate(Part)
    ]


@st.composite
def talkers(draw, kinds):
    times = st.floats(0, 5)
    comes_at = draw(times)
    speculative = draw(st.integers(0, 3)) == 0
    demand = Demand(
        asked_at=comes_at - draw(st.floats(0, 1)),
        due_at=comes_at + draw(st.floats(-1, 5)),
        need=draw(st.sampled_from(Need)),
        committed=not speculative,
        after_s=draw(st.floats(0, 0.5)),
    )
    return Talker(
        kind=draw(st.sampled_from(kinds)),
        demand=demand,
        comes_at=comes_at,
        outputs=draw(st.integers(1, 12)),
        room=draw(st.sampled_from([1, 2, 5, 1_000])),
        takes_every=draw(st.sampled_from([None, 0.01, 0.2, 2.0])),
        cancelled_at=draw(st.one_of(st.none(), times)),
        commits_at=draw(st.one_of(st.none(), times)) if speculative else None,
    )


@st.composite
def scenes(draw):
    kinds = draw(step_kinds())
    costs = {
        (kind, batch): draw(st.floats(0.001, LONGEST_S)) for kind in kinds for batch in range(1, kind.max_batch + 1)
    }
    everybody = draw(st.lists(talkers(kinds), min_size=1, max_size=12))
    return draw(capacities), everybody, lambda kind, batch: costs[kind, batch]


def in_use(device):
    return sum(device.capacity.of(grant.kind) for grant in device.running.values())


@EXAMPLES
@given(scenes())
def test_a_step_is_for_ready_jobs_and_within_the_capacity(scene):
    def watch(device, grant):
        assert set(grant.jobs) <= set(device.ready())  # not parked, not cancelled, not being made already
        assert len(set(grant.jobs)) == len(grant.jobs) <= grant.kind.max_batch
        assert {device.talkers[number].kind for number in grant.jobs} == {grant.kind}
        assert in_use(device) + device.capacity.of(grant.kind) <= device.capacity.units

    SimulatedDevice(*scene, watch=watch).run()


@EXAMPLES
@given(scenes())
def test_no_job_that_somebody_takes_is_left_over(scene):
    device = SimulatedDevice(*scene).run()
    for talker, life in zip(device.talkers, device.lives, strict=True):
        taken = talker.takes_every is not None or talker.room >= talker.outputs
        if taken and talker.cancelled_at is None:
            assert len(life.made) == talker.outputs


@EXAMPLES
@given(scenes())
def test_nobody_waits_while_there_is_room(scene):
    """After each choice: a committed job on an idle lane waits only for want of units."""
    capacity, everybody, step_s = scene
    device = SimulatedDevice(capacity, everybody, step_s)
    choose = device._choose

    def checked():
        choose()
        idle = [n for n in device.ready() if everybody[n].kind.lane not in device.running and device.committed(n)]
        if idle:
            assert max(capacity.of(everybody[n].kind) for n in idle) > capacity.units - in_use(device)

    device._choose = checked
    device.run()


@EXAMPLES
@given(scenes())
def test_no_committed_job_starves(scene):
    capacity, everybody, step_s = scene
    everybody = [replace(talker, demand=talker.demand.commit()) for talker in everybody]
    device = SimulatedDevice(capacity, everybody, step_s).run()
    # One step of GUARD_EVERY goes to one of those that have waited for so long; on a lane, or on the device.
    bound = PATIENCE_S + (GUARD_EVERY + 1) * (len(everybody) + 1) * LONGEST_S * 2
    for life in device.lives:
        assert all(waited <= bound for waited in life.waited)
        assert life.ready_since is None or life.ended_at is not None  # nobody still waits


@EXAMPLES
@given(scenes())
def test_speculation_never_begins_while_a_committed_job_could(scene):
    """So on a device that makes one step at a time, at most one delays it: the one that is being made when it comes."""

    def watch(device, grant):
        if any(map(device.committed, grant.jobs)):
            return
        waiting = [n for n in device.ready() if device.committed(n) and n not in grant.jobs]
        assert all(device.talkers[n].kind.lane in device.running for n in waiting)

    SimulatedDevice(*scene, watch=watch).run()


@EXAMPLES
@given(scenes(), st.integers(1, 20))
def test_a_parked_job_costs_nothing(scene, parked):
    capacity, everybody, step_s = scene
    plain = SimulatedDevice(capacity, everybody, step_s)
    crowded = SimulatedDevice(capacity, everybody, step_s)
    for number in range(1_000, 1_000 + parked):
        crowded.policy.add(number, *_plan_and_demand(everybody[0]), 0.0)
        crowded.policy.park(number)
    assert plain.run().steps == crowded.run().steps
    assert crowded.policy.figures(crowded.now).parked >= parked


def _plan_and_demand(talker):
    return Plan(talker.kind), talker.demand


@EXAMPLES
@given(scenes(), st.data())
def test_a_cancelled_job_leaves_within_a_step(scene, data):
    capacity, everybody, step_s = scene
    cancelled_at = data.draw(st.floats(0, 5))
    everybody[0] = replace(everybody[0], cancelled_at=cancelled_at)
    device = SimulatedDevice(capacity, everybody, step_s).run()
    assert all(made.began_at <= cancelled_at for made in device.steps if 0 in made.grant.jobs)
    assert all(when <= cancelled_at + LONGEST_S for when in device.lives[0].made)
