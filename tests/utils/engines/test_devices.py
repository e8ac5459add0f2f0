"""Which engines share a thread, a device, or nothing."""

from __future__ import annotations

import threading

import pytest

from tests.waiting import DEADLINE_S
from utils.engines.demands import Demand, Part, Plan
from utils.engines.devices import Devices, usable_cores
from utils.engines.work import Stepped, one_step


@pytest.fixture
def devices():
    made = Devices(cores=2)
    yield made
    assert made.close(DEADLINE_S)


def test_on_mps_all_engines_share_a_thread(devices):
    assert devices.lane("lm", "mps") is devices.lane("tts", "mps:0")
    assert devices.lane("lm", "mps") is not devices.lane("lm", "cpu")


def test_a_card_without_a_number_is_the_first(devices):
    assert devices.lane("lm", "cuda") is devices.lane("lm", "cuda:0")


def test_elsewhere_each_has_its_own(devices):
    lanes = {devices.lane(part, device) for part in ("lm", "tts") for device in ("cpu", "cuda:0", "cuda:1")}
    assert len(lanes) == 6
    assert set(devices.figures()) == {"cpu", "cuda:0", "cuda:1"}


def test_an_engine_of_another_kind_counts_for_the_cpu(devices):
    devices.lane("lm", "")
    assert set(devices.figures()) == {"cpu"}


@pytest.mark.parametrize(("device", "at_a_time"), [("cpu", 2), ("cuda:0", 1)])
def test_the_capacity(devices, device, at_a_time):
    """Two steps on two lanes: side by side on two cores, one after the other on a GPU."""
    running, most, met = set(), [], threading.Barrier(at_a_time)

    def step(part):
        running.add(part)
        met.wait(DEADLINE_S)
        most.append(len(running))
        met.wait(DEADLINE_S)
        running.discard(part)

    def run(part):
        lane = devices.lane(part, device)
        lane.run(one_step(lambda: step(part)), Plan(lane.kind(part, "step")), Demand(0.0))

    threads = [threading.Thread(target=run, args=(part,)) for part in (Part.LM, Part.TTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert most == [at_a_time] * 2


def test_all_devices_have_to_admit():
    devices = Devices(max_wait_s=0.5, clock=lambda: 0.0)
    assert devices.admits()
    devices.lane("tts", "cuda:0")
    lane = devices.lane("lm", "cpu")
    assert devices.admits()
    lane.run(one_step(lambda: None), Plan(lane.kind(Part.LM, "step")), Demand.first(0.0))
    assert devices.admits()
    list(lane.stream(late(), Plan(lane.kind(Part.LM, "step")), Demand.first(-1.0)))
    assert not devices.admits()
    assert devices.close(DEADLINE_S)


def late():
    yield Stepped(["word"])


def test_the_cores():
    assert usable_cores() >= 1
