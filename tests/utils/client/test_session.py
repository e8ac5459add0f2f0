"""Reconnecting: how long it waits, what it says, what counts as refused, and when it gives up. All on a fake clock."""

from __future__ import annotations

import io
import threading
import weakref

import pytest

from tests.fakes_client import FakeSink, FakeSource, FakeStop
from utils.client.connection import ServerAddress
from utils.client.errors import ServerUnavailable, SoundError
from utils.client.session import TICK_S, ClientSession
from utils.client.status import StatusLine
from utils.system.stop_signals import Stopped

SERVER = ServerAddress("box", 12_345, 12_346)


class FakeConnection:
    """A server's answers. lasts: fake seconds until it closes; reply: bytes that it sends at once."""

    def __init__(self, world: World, lasts: float, reply: bytes = b"") -> None:
        self._world = world
        self._closes_at = world.now + lasts
        self._parts = [reply] if reply else []
        self.drained = threading.Event()
        self._shut = threading.Event()

    def send(self, data: bytes) -> None:
        pass

    def end_input(self) -> None:
        pass

    def receive(self) -> bytes | None:
        if self._parts:
            return self._parts.pop()
        self.drained.set()
        return b"" if self._shut.wait(0.005) or self.has_closed() else None

    def has_closed(self) -> bool:
        return self._world.now >= self._closes_at

    def shut(self) -> None:
        self._shut.set()

    def close(self) -> None:
        pass


class World:
    """A clock that moves only as the session waits, and a list of what happens at each attempt to connect."""

    def __init__(self, *attempts: object, stop_at: float = 1e9) -> None:
        self.now = 0.0
        self.attempts = list(attempts)
        self.stop = FakeStop()
        weakref.finalize(self, self.stop.close)
        self.stop_at = stop_at
        self.pauses: list[float] = []
        self.output = io.StringIO()
        self.connection: FakeConnection | None = None

    def wait(self, seconds: float, stop: FakeStop) -> None:
        if seconds != TICK_S:
            self.pauses.append(seconds)
        elif self.connection is not None:
            assert self.connection.drained.wait(10)
        self.now += seconds
        if self.connection is not None and self.connection.has_closed():
            self.let_the_receiver_see_it()
        if self.now >= self.stop_at:
            self.stop.requested = True
            raise Stopped

    def let_the_receiver_see_it(self) -> None:
        for thread in threading.enumerate():
            if thread.name == "receiver":
                thread.join(10)

    def connect(self, server: ServerAddress, stop: FakeStop):
        assert server == SERVER
        if not self.attempts:
            self.stop.requested = True
            raise Stopped
        attempt = self.attempts.pop(0)
        if attempt is None:
            raise ServerUnavailable(f"server at {server} is not there")
        lasts, reply = attempt
        self.connection = FakeConnection(self, lasts, reply)
        return self.connection

    def session(self, sink: FakeSink, source: FakeSource | None = None, check=lambda: None) -> ClientSession:
        return ClientSession(
            SERVER, source or FakeSource(endless=True), sink, StatusLine(self.output), self.stop, check,
            clock=lambda: self.now, wait=self.wait, connect=self.connect,
        )  # fmt: skip

    @property
    def lines(self) -> list[str]:
        return self.output.getvalue().splitlines()


def test_waits_grow_while_the_server_is_not_there_and_each_is_said():
    world = World(None, None, None, None, None, None)
    with pytest.raises(Stopped):
        world.session(FakeSink()).run_for_ever()
    assert world.pauses == [0.5, 1, 2, 4, 8, 8]
    assert world.lines[0] == "server at box:12345 is not there, trying again in 0.5 s"
    assert world.lines[-1] == "server at box:12345 is not there, trying again in 8 s"
    assert len(world.lines) == 5  # the last two are the same


def test_a_server_that_closes_at_once_is_busy_and_waits_go_on_growing():
    world = World(None, (0.0, b""), (0.3, b""), None)
    with pytest.raises(Stopped):
        world.session(FakeSink()).run_for_ever()
    assert world.pauses == [0.5, 1, 2, 4]
    assert [("busy" in line) for line in world.lines] == [False, True, True, False]
    assert world.lines[1] == "server at box:12345 is busy, trying again in 1 s"


@pytest.mark.parametrize("conversation", [(60.0, b""), (60.0, b"abcd"), (0.2, b"abcd")])
def test_after_a_conversation_waits_are_short_again(conversation):
    world = World(None, None, conversation, None, None)
    with pytest.raises(Stopped):
        world.session(FakeSink()).run_for_ever()
    assert world.pauses == [0.5, 1, 0.5, 0.5 * 2, 2]
    assert "server at box:12345 has closed the connection, trying again in 0.5 s" in world.lines


def test_what_goes_on_is_shown():
    world = World((3.0, b"abcd"), stop_at=3.0)
    source = FakeSource(endless=True)
    source.heard = True
    with pytest.raises(Stopped):
        world.session(FakeSink(playing_for=5), source).run_for_ever()
    assert world.lines == ["connected to box:12345", "speaking", "heard"]


def test_who_has_spoken_is_waited_with():
    world = World((30.0, b""))
    source = FakeSource(endless=True)
    source.heard = True

    def check() -> None:
        source.heard = world.now < 3.0

    with pytest.raises(Stopped):
        world.session(FakeSink(), source, check).run_for_ever()
    assert world.lines[:4] == ["connected to box:12345", "heard", "thinking", "listening"]


def test_a_stop_in_a_conversation_ends_it():
    world = World((1e9, b"abcd"), stop_at=2.0)
    with pytest.raises(Stopped):
        world.session(FakeSink()).run_for_ever()
    assert world.pauses == []


def test_a_stop_in_a_pause_ends_it():
    world = World(None, None, stop_at=1.0)
    with pytest.raises(Stopped):
        world.session(FakeSink()).run_for_ever()
    assert world.pauses == [0.5, 1]


def test_a_device_that_goes_ends_it():
    def check() -> None:
        if world.now > 5:
            raise SoundError("the microphone 'USB' has gone")

    world = World((1e9, b""))
    with pytest.raises(SoundError):
        world.session(FakeSink(), check=check).run_for_ever()


def test_a_device_that_went_while_the_server_was_away_is_noticed_before_it_is_asked():
    def check() -> None:
        if world.now > 1:
            raise SoundError("the microphone 'USB' has gone")

    world = World(None, None, (60.0, b"abcd"))
    with pytest.raises(SoundError):
        world.session(FakeSink(), check=check).run_for_ever()
    assert len(world.attempts) == 1


def test_once_is_one_conversation():
    world = World(None, (0.0, b""), (5.0, b"abcd"), (5.0, b"more"))
    sink = FakeSink()
    outcome = world.session(sink, FakeSource(b"ab")).run_once(30)
    assert (outcome.received_bytes, outcome.complete, outcome.refused) == (4, True, False)
    assert sink.written == b"abcd"
    assert len(world.attempts) == 1


@pytest.mark.parametrize(("attempt", "says"), [(None, "is not there"), ((0.0, b""), "is busy")])
def test_once_gives_up_when_its_patience_ends(attempt, says):
    world = World(*[attempt] * 100)
    with pytest.raises(ServerUnavailable, match=f"^server at box:12345 {says}$"):
        world.session(FakeSink()).run_once(10)
    assert sum(world.pauses) <= 10


def test_once_waits_until_the_reply_has_been_played():
    world = World((5.0, b"abcd"))
    sink = FakeSink(playing_for=100)
    world.session(sink, FakeSource(b"ab")).run_once(30)
    assert sink.playing_for < 0
    assert world.now > 5.0 + 20 * TICK_S


def test_once_stopped_says_what_came():
    world = World((1e9, b"abcd"), stop_at=3.0)
    outcome = world.session(FakeSink()).run_once(30)
    assert (outcome.received_bytes, outcome.complete, outcome.refused) == (4, False, False)


def test_once_stopped_while_playing_ends():
    world = World((2.0, b"abcd"), stop_at=4.0)
    assert world.session(FakeSink(playing_for=10**6), FakeSource(b"ab")).run_once(30).received_bytes == 4


def test_once_stopped_before_anything_began():
    world = World(None, None, None, stop_at=1.0)
    with pytest.raises(Stopped):
        world.session(FakeSink()).run_once(30)
