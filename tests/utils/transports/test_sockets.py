"""Reading and writing PCM on sockets that take, and give, any number of bytes at once."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.transports import sockets
from utils.transports.base import ReadError, WriteError
from utils.transports.sockets import SocketReader, SocketWriter


class ScriptedSocket:
    """Takes as many bytes at each `send` as the script says; 0 is "would block". Then it takes everything."""

    def __init__(self, *script: int | OSError) -> None:
        self.script = list(script)
        self.received = b""

    def setblocking(self, blocking: bool) -> None:
        assert not blocking

    def send(self, data: memoryview) -> int:
        step = self.script.pop(0) if self.script else len(data)
        if isinstance(step, OSError):
            raise step
        if not step:
            raise BlockingIOError
        self.received += bytes(data[:step])
        return min(step, len(data))

    def recv(self, count: int) -> bytes:
        step = self.script.pop(0)
        if isinstance(step, OSError):
            raise step
        return bytes(min(step, count))


@pytest.fixture
def waits(monkeypatch):
    """The times that were waited, at once."""
    made: list[float] = []

    def wait(connection, timeout_s, writable=False):
        made.append(timeout_s)
        return True

    monkeypatch.setattr(sockets, "_wait", wait)
    return made


def wanted_times(count: int):
    """Wanted so often, and no more."""
    answers = iter([True] * count)
    return lambda: next(answers, False)


def always() -> bool:
    return True


def test_a_full_wire_is_waited_for_in_short_steps(waits):
    wire = ScriptedSocket(0, 3, 0, 0, 2)
    assert SocketWriter(wire).write(b"abcdefgh", always) == 8
    assert wire.received == b"abcdefgh"
    assert waits == [0.05] * 3


@pytest.mark.parametrize(
    ("taken", "returned", "then"),
    [(1, 2, b"aB" + b"12"), (2, 2, b"aB" + b"12"), (3, 4, b"aBcD" + b"12"), (4, 4, b"aBcD" + b"12")],
)
def test_a_write_that_stops_inside_a_sample_owes_the_rest_of_it(waits, taken, returned, then):
    wire = ScriptedSocket(taken, 0)
    writer = SocketWriter(wire)
    assert writer.write(b"aBcD", wanted_times(1)) == returned
    assert wire.received == b"aBcD"[:taken]
    assert writer.write(b"12", always) == 2
    assert wire.received == then


def test_what_is_owed_can_be_sent_alone_or_stay_owed(waits):
    wire = ScriptedSocket(1, 0)
    writer = SocketWriter(wire)
    assert writer.write(b"aB", wanted_times(1)) == 2
    assert writer.write(b"cD", lambda: False) == 0
    assert wire.received == b"a"
    assert writer.write(b"", always) == 0
    assert wire.received == b"aB"


def test_what_is_not_wanted_is_not_sent():
    wire = ScriptedSocket()
    assert SocketWriter(wire).write(b"aBcD", lambda: False) == 0
    assert wire.received == b""


def test_a_client_that_has_gone_is_one_line():
    wire = ScriptedSocket(2, BrokenPipeError(errno.EPIPE, "Broken pipe"))
    with pytest.raises(WriteError, match=r"^\[Errno 32\] Broken pipe$"):
        SocketWriter(wire).write(b"aBcD", always)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), max_size=12),
    st.lists(st.integers(0, 9), max_size=60),
)
def test_whatever_the_wire_takes_the_stream_is_what_was_returned(writes, script):
    wire = ScriptedSocket(*script)
    writer, accepted, number = SocketWriter(wire), b"", 0
    waiting = sockets._wait
    sockets._wait = lambda connection, timeout_s, writable=False: True
    try:
        for samples, asked in writes:
            data = b"".join((number + n).to_bytes(2, "little") for n in range(samples))
            number += samples
            count = writer.write(data, wanted_times(asked))
            assert count % 2 == 0
            accepted += data[:count]
            assert accepted.startswith(wire.received)
            assert len(accepted) - len(wire.received) in (0, 1)
        writer.write(b"", wanted_times(1_000))
    finally:
        sockets._wait = waiting
    assert wire.received == accepted


def test_a_read_that_finds_nothing_after_all_is_not_the_end(waits):
    reader = SocketReader(ScriptedSocket(BlockingIOError(), 5, 0), 3)
    assert [reader.read(0.2) for _ in range(3)] == [None, bytes(3), b""]


def test_a_reset_is_one_line(waits):
    reader = SocketReader(ScriptedSocket(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")), 3)
    with pytest.raises(ReadError, match=r"^\[Errno 104\] Connection reset by peer$"):
        reader.read(0.2)
