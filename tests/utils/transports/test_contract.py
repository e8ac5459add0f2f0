"""What every transport has to do, asked of each of them: over TCP, and the fake that other tests lean on."""

from __future__ import annotations

import socket
import threading

import pytest

from tests.fakes import FakeClock
from tests.fakes_transport import FakeTransport
from tests.waiting import wait_until
from utils.system.listening import prepare_connection
from utils.transports.base import TransportError, WriteError
from utils.transports.tcp_pair import TcpPair, TcpPairOptions


def always() -> bool:
    return True


class OverTcp:
    """A client at the other ends of two connections."""

    def __init__(self) -> None:
        self._mouth, self._ear, self.transport = tcp_client()
        self._ear.settimeout(10)

    def say(self, data: bytes) -> None:
        self._mouth.sendall(data)

    def end_input(self) -> None:
        self._mouth.shutdown(socket.SHUT_WR)

    def hear(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self._ear.recv(count - len(data))
        return data

    def leave(self) -> None:
        self._mouth.close()
        self._ear.close()

    def close(self) -> None:
        self.leave()
        self.transport.close()


def tcp_client() -> tuple[socket.socket, socket.socket, TcpPair]:
    """A client's two connections, small of buffer, and the server's side of them, as a server prepares it."""
    clients, servers = [socket.socket(), socket.socket()], []
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        client.settimeout(10)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            client.connect(listening.getsockname())
            servers.append(listening.accept()[0])
        prepare_connection(servers[-1])
    return *clients, TcpPair(*servers, TcpPairOptions(16_000, 0.2, 1_024), FakeClock(50.0))


class InMemory:
    """The fake's client."""

    def __init__(self) -> None:
        self.transport = FakeTransport(FakeClock(50.0))
        self.say, self.end_input = self.transport.say, self.transport.end_input
        self._heard = 0

    def hear(self, count: int) -> bytes:
        self._heard += count
        return self.transport.wait_received(self._heard)[self._heard - count : self._heard]

    def leave(self) -> None:
        self.transport.leave("gone")

    def close(self) -> None:
        self.transport.close()


@pytest.fixture(params=[OverTcp, InMemory])
def client(request):
    made = request.param()
    yield made
    made.close()


def test_the_client_is_read_as_it_speaks(client):
    client.say(b"\x01")
    assert client.transport.read(10) == b"\x01"
    client.say(b"\x02\x03\x04")
    assert client.transport.read(10) == b"\x02\x03\x04"


def test_a_client_that_says_nothing_is_not_waited_for_longer_than_asked(client):
    assert client.transport.read(0.01) is None
    client.say(b"\x01\x02")
    assert client.transport.read(10) == b"\x01\x02"


def test_after_the_end_of_the_input_the_client_still_listens(client):
    client.say(b"\x01\x02")
    client.end_input()
    assert [client.transport.read(10) for _ in range(3)] == [b"\x01\x02", b"", b""]
    assert client.transport.write(b"\x03\x04", always) == 2
    assert client.hear(2) == b"\x03\x04"


def test_what_is_written_is_heard_by_the_clock(client):
    transport, clock = client.transport, client.transport.clock
    assert (transport.written, transport.heard(50.0), transport.ends_at()) == (0, 0, float("-inf"))
    assert transport.write(bytes(8_820), always) == 8_820
    assert client.hear(8_820) == bytes(8_820)
    assert [transport.heard(now) for now in (50.0, 50.05, 50.1, 60.0)] == [0, 2_205, 4_410, 4_410]
    clock.advance(0.05)
    assert transport.write(bytes(4_410), always) == 4_410
    assert transport.written == 6_615
    assert transport.ends_at() == pytest.approx(50.15)


def test_what_is_not_wanted_is_not_written(client):
    assert client.transport.write(bytes(100), lambda: False) == 0
    assert client.transport.written == 0
    assert client.transport.write(b"\x01\x02", always) == 2
    assert client.hear(2) == b"\x01\x02"


def test_what_can_t_be_taken_back_stays_written(client):
    client.transport.write(bytes(8_820), always)
    assert not client.transport.clear()
    assert client.transport.written == 4_410


def test_a_client_that_has_left_can_t_be_written_to(client):
    client.leave()
    failed: list[TransportError] = []

    def fails() -> bool:
        try:
            client.transport.write(bytes(8_820), always)
        except WriteError as error:
            failed.append(error)
        return bool(failed)

    wait_until(fails, "the client's leave to be noticed")
    assert len(str(failed[0]).splitlines()) == 1


def test_the_end_wakes_who_reads(client):
    read: list[bytes | None] = []
    reader = threading.Thread(target=lambda: read.append(client.transport.read(60)))
    reader.start()
    client.transport.shut_down()
    reader.join(10)
    assert read == [b""]


def test_it_may_be_ended_twice_and_after_the_client_has_left(client):
    client.leave()
    for _ in range(2):
        client.transport.shut_down()
    for _ in range(2):
        client.transport.close()
        client.transport.shut_down()


def test_a_write_to_what_was_shut_down_fails(client):
    client.transport.shut_down()
    with pytest.raises(WriteError):
        client.transport.write(bytes(2), always)
