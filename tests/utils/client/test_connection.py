"""The two connections: in order, to one address, and given up as soon as a stop is asked for."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from tests.fake_server import FakeServer
from tests.fakes_client import FakeStop
from utils.client import connection as client_connection
from utils.client.connection import ConnectionLost, ServerAddress, connect, wait_or_stop
from utils.client.errors import ServerUnavailable
from utils.system.stop_signals import Stopped


@pytest.fixture
def stop():
    with contextlib.closing(FakeStop()) as made:
        yield made


@pytest.fixture
def server():
    with FakeServer() as made:
        yield made


def address(server: FakeServer, host: str = "127.0.0.1") -> ServerAddress:
    return ServerAddress(host, server.send_port, server.recv_port)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_bytes_go_both_ways(server, stop, host):
    connection = connect(address(server, host), stop)
    side = server.accept()
    assert side.microphone.getpeername()[0] == side.speaker.getpeername()[0]
    connection.send(b"abc")
    side.reply(b"xyz")
    assert side.read(3) == b"abc"
    assert connection.receive() == b"xyz"
    assert connection.receive() is None
    connection.end_input()
    assert side.read_to_end() == b""
    side.reply(b"after")
    assert connection.receive() == b"after"
    side.close()
    assert connection.receive() == b""
    connection.close()


def test_small_writes_leave_at_once(server, stop):
    connection = connect(address(server), stop)
    for one in (connection._microphone, connection._speaker):
        assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    connection.close()


def test_the_microphone_comes_first(stop):
    with FakeServer(listening=False) as server:
        server._sockets[1].listen()  # the speaker's port alone
        with pytest.raises(ServerUnavailable, match=rf"server at 127.0.0.1:{server.send_port} is not there"):
            connect(address(server), stop)
        server._sockets[1].settimeout(0)
        with pytest.raises(BlockingIOError):
            server._sockets[1].accept()


def test_a_server_with_one_port_only_is_said_so_and_left(stop):
    with FakeServer(listening=False) as server:
        server._sockets[0].listen()
        with pytest.raises(ServerUnavailable, match=f"is there, but not its port {server.recv_port}"):
            connect(address(server), stop)
        accepted, _ = server._sockets[0].accept()
        with accepted:
            assert accepted.recv(1) == b""


def test_an_unknown_name_is_said(stop, monkeypatch):
    def unknown(*arguments, **options):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(client_connection.socket, "getaddrinfo", unknown)
    with pytest.raises(ServerUnavailable, match="no machine is called nowhere"):
        connect(ServerAddress("nowhere", 1, 2), stop)


def test_a_name_that_is_no_name_is_said(stop):
    with pytest.raises(ServerUnavailable, match="no machine is called"):
        connect(ServerAddress("a" * 100 + ".", 1, 2), stop)


def test_a_stop_is_heard_while_the_resolver_hangs(stop, monkeypatch):
    hanging, asked = threading.Event(), threading.Event()

    def resolve(*arguments, **options):
        asked.set()
        hanging.wait(30)
        return []

    monkeypatch.setattr(client_connection.socket, "getaddrinfo", resolve)
    stopper = threading.Thread(target=lambda: (asked.wait(10), stop.request()))
    stopper.start()
    with pytest.raises(Stopped):
        connect(ServerAddress("slow", 1, 2), stop)
    hanging.set()
    stopper.join()


@pytest.fixture
def silent_machine():
    """A port whose backlog is full: a connection to it is neither taken nor refused."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    waiting = []
    for _ in range(3):
        fill = socket.socket()
        fill.setblocking(False)
        fill.connect_ex(listening.getsockname())
        waiting.append(fill)
    yield listening.getsockname()[1]
    for open_socket in (listening, *waiting):
        open_socket.close()


def test_a_machine_that_never_answers_is_not_there(silent_machine, stop):
    with pytest.raises(ServerUnavailable, match="is not there"):
        connect(ServerAddress("127.0.0.1", silent_machine, silent_machine), stop, timeout_s=0.2)


def test_a_stop_is_heard_while_connecting(silent_machine, stop):
    stopper = threading.Timer(0.1, stop.request)  # in the middle of it, or before: both must end
    stopper.start()
    with pytest.raises(Stopped):
        connect(ServerAddress("127.0.0.1", silent_machine, silent_machine), stop, timeout_s=60)
    stopper.join()


def test_a_server_that_has_gone_takes_nothing_more(server, stop):
    connection = connect(address(server), stop)
    server.accept().close()
    with pytest.raises(ConnectionLost):
        connection.send(bytes(65_536 * 1_000))
    with pytest.raises(ConnectionLost):
        connection.end_input()
    connection.close()


def test_shut_wakes_who_waits_for_a_server_that_does_not_read(server, stop):
    connection = connect(address(server), stop)
    side = server.accept()
    ended = threading.Event()

    def send() -> None:
        with pytest.raises(ConnectionLost):
            connection.send(bytes(100_000_000))  # more than the kernel takes
        ended.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert side.read(1_000) == bytes(1_000)
    connection.shut()
    sender.join(10)
    assert ended.is_set()
    assert connection.receive() == b""
    connection.close()


def test_waiting_ends_in_time_or_with_a_stop(stop):
    started = time.monotonic()
    wait_or_stop(0.15, stop)
    assert time.monotonic() - started >= 0.15
    stop.request()
    with pytest.raises(Stopped):
        wait_or_stop(60, stop)


@pytest.mark.parametrize(("host", "text"), [("box", "box:12345"), ("::1", "[::1]:12345")])
def test_an_address_as_people_write_it(host, text):
    assert str(ServerAddress(host, 12_345, 12_346)) == text
