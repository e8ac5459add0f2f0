"""A device that makes one step at a time, and a lane on it."""

from __future__ import annotations

import pytest

from tests.waiting import DEADLINE_S
from utils.engines.demands import Capacity
from utils.engines.scheduler import Scheduler


@pytest.fixture
def scheduler():
    made = Scheduler(Capacity(1))
    yield made
    assert made.close(DEADLINE_S)


@pytest.fixture
def lane(scheduler):
    return scheduler.lane("tts")
