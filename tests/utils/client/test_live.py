"""Devices that come and go: what is said, how long it waits, and when it ends. All on a fake clock."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import pytest

from tests.fakes_client import FakeSink, FakeSource, FakeStop
from utils.client.ends import Ends
from utils.client.errors import SoundError
from utils.client.live import talk_for_ever
from utils.client.status import StatusLine
from utils.system.stop_signals import Stopped

MISSING = SoundError("there is no speaker")
LOST = SoundError("the speaker 'USB' has gone")


class World:
    """attempts: for each time the devices are opened, the seconds until they go, or why they can't be opened."""

    def __init__(self, *attempts: float | Exception) -> None:
        self.now = 0.0
        self.attempts = list(attempts)
        self.pauses: list[float] = []
        self.closed = 0
        self.output = io.StringIO()

    @contextlib.contextmanager
    def opened(self) -> Iterator[Ends]:
        if isinstance(self.attempts[0], Exception):
            raise self.attempts.pop(0)
        try:
            yield Ends(FakeSource(), FakeSink(), ("speaker: USB",))
        finally:
            self.closed += 1

    def converse(self, ends: Ends) -> None:
        self.now += self.attempts.pop(0)
        raise LOST if self.attempts else Stopped

    def wait(self, seconds: float, stop: FakeStop) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def talk(self) -> list[str]:
        """Until it is stopped; returns what was said."""
        with contextlib.closing(FakeStop()) as stop, pytest.raises(Stopped):
            talk_for_ever(
                self.opened, self.converse, StatusLine(self.output), stop, clock=lambda: self.now, wait=self.wait
            )
        return self.output.getvalue().splitlines()


def test_a_device_that_goes_is_one_line_and_then_it_goes_on():
    world = World(60, MISSING, MISSING, MISSING, 60)
    assert world.talk() == ["speaker: USB", f"{LOST}; trying again until it is back", "speaker: USB"]
    assert world.pauses == [0.5, 1, 2, 4]
    assert world.closed == 2


def test_waits_are_short_again_after_a_while_only():
    world = World(60, MISSING, MISSING, 60, 0.1, 0.1, 60)
    world.talk()
    assert world.pauses == [0.5, 1, 2, 0.5, 1, 2]


def test_a_device_that_is_not_there_at_the_start_is_an_error():
    with contextlib.closing(FakeStop()) as stop, pytest.raises(SoundError, match="there is no speaker"):
        talk_for_ever(World(MISSING).opened, lambda ends: None, StatusLine(None), stop)


def test_a_loss_is_said_before_the_devices_are_closed():
    class Watched(World):
        @contextlib.contextmanager
        def opened(self):
            with super().opened() as ends:
                yield ends
            said.append(self.output.getvalue())

    said: list[str] = []
    Watched(60, 60).talk()
    assert str(LOST) in said[0]


def test_a_stop_in_a_pause_ends_it():
    world = World(60, MISSING, MISSING)

    def wait(seconds: float, stop: FakeStop) -> None:
        raise Stopped

    world.wait = wait
    world.talk()
    assert len(world.attempts) == 2
