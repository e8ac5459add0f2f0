"""The server's main loop on real sockets, with conversations that have no stages."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

import pytest

from tests.waiting import wait_until
from utils.server.server import Server
from utils.system.listening import Listener
from utils.system.stop_signals import StopSignals
from utils.transports.tcp_pair import TcpPair, TcpPairOptions

SCAN = b"GET / HTTP/1.0\r\n\r\n"


class FakeConversation:
    """Lasts until its client leaves or somebody hangs up."""

    def __init__(self, transport, client, on_finished):
        self.transport, self.client, self._on_finished = transport, client, on_finished
        self.started, self.finished, self.closing, self.closed = (threading.Event() for _ in range(4))
        self.may_close = threading.Event()
        self.may_close.set()

    def start(self):
        self.started.set()

    def hang_up(self, reason):
        if not self.finished.is_set():
            self.finished.set()
            self._on_finished()

    def close(self):
        self.closing.set()
        assert self.may_close.wait(10)
        self.transport.shut_down()
        self.transport.close()
        self.closed.set()
        return True


class Served:
    """A server in a thread of its own. Which connection is whose is told by what was sent on it."""

    def __init__(self) -> None:
        self.conversations: list[FakeConversation] = []
        self.listeners = [Listener("127.0.0.1", 0) for _ in range(2)]
        self.microphone_port, self.speaker_port = (listener.port for listener in self.listeners)
        self.fail = False
        self._stop = StopSignals()  # its handlers are not installed: that takes the main thread
        self._microphones: dict[TcpPair, socket.socket] = {}
        self.server = Server(*self.listeners, self._make_pair, self._make)
        self.server.listen()
        self._thread = threading.Thread(target=self.server.serve, args=(self._stop,), daemon=True)
        self._thread.start()

    def _make_pair(self, microphone, speaker):
        pair = TcpPair(microphone, speaker, TcpPairOptions(16_000, 0.2, 1_024))
        self._microphones[pair] = microphone
        return pair

    def _make(self, transport, client, on_finished):
        if self.fail:
            raise RuntimeError("no conversation today")
        self.conversations.append(FakeConversation(transport, client, on_finished))
        return self.conversations[-1]

    def microphone(self, conversation: FakeConversation) -> socket.socket:
        """The server's side of the conversation's first connection."""
        return self._microphones[conversation.transport]

    def first_bytes(self, conversation: FakeConversation) -> bytes:
        microphone = self.microphone(conversation)
        wait_until(lambda: _peek(microphone) is not None, "what the client said")
        return _peek(microphone)

    def connect(self, port: int, data: bytes = b"") -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", port))
        connection.sendall(data)
        return connection

    @contextlib.contextmanager
    def busy(self):
        """The server is ending its first conversation: whoever connects meanwhile waits to be accepted."""
        with self.connect(self.microphone_port), self.connect(self.speaker_port):
            conversation = self.begun(1)
            conversation.may_close.clear()
        assert conversation.closing.wait(10)
        yield
        conversation.may_close.set()

    def begun(self, count: int) -> FakeConversation:
        wait_until(lambda: len(self.conversations) >= count, f"conversation {count}")
        assert self.conversations[count - 1].started.wait(10)
        return self.conversations[count - 1]

    def close(self) -> None:
        self._stop.requested = True
        self.server._wake()
        self._thread.join(10)
        assert not self._thread.is_alive()
        with self._stop:
            pass


@pytest.fixture
def served():
    server = Served()
    yield server
    server.close()


def _peek(connection: socket.socket) -> bytes | None:
    with contextlib.suppress(BlockingIOError):
        return connection.recv(64, socket.MSG_PEEK)
    return None


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def half_close(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("data", [b"", SCAN, bytes(300_000)], ids=["nothing", "a request", "a flood"])
@pytest.mark.parametrize("end", [socket.socket.close, reset])
def test_a_scan_of_the_first_port_does_not_take_the_client_s_place(served, data, end):
    for number in range(1, 11):
        end(served.connect(served.microphone_port, data))
        with served.connect(served.microphone_port, b"client") as microphone, served.connect(served.speaker_port):
            conversation = served.begun(number)
            assert served.first_bytes(conversation) == b"client"
            assert microphone.getsockname() == served.microphone(conversation).getpeername()
        assert conversation.closed.wait(10)


@pytest.mark.parametrize("data", [SCAN, bytes(300_000)], ids=["a request", "a flood"])
def test_clients_that_left_before_they_were_looked_at_do_not_take_the_next_one_s_place(served, data):
    """Also not where the next one says much before it is looked at."""
    with served.busy():
        for _ in range(5):
            first, second = served.connect(served.microphone_port, data), served.connect(served.speaker_port)
            second.close()
            first.close()
        client = served.connect(served.microphone_port, b"client" + bytes(100_000)), served.connect(served.speaker_port)
    assert served.first_bytes(served.begun(2)).startswith(b"client")
    for connection in client:
        connection.close()


def test_the_next_client_is_not_given_the_second_half_of_one_that_left_meanwhile(served):
    """Accepting first halves takes a while where it ends a conversation: one client leaves then, and the next comes."""
    accept, opened, left = served.server._accept_waiting_microphones, [], socket.socket()

    def accept_late():
        if not opened:
            left.close()
            opened.append(served.connect(served.microphone_port, b"client"))
            opened.append(served.connect(served.speaker_port))
        accept()

    served.server._accept_waiting_microphones = accept_late
    left.connect(("127.0.0.1", served.speaker_port))
    conversation = served.begun(1)
    assert served.first_bytes(conversation) == b"client"
    assert opened[1].getsockname() == conversation.transport._speaker.getpeername()
    for connection in opened:
        connection.close()


def test_a_client_may_say_all_and_end_its_input_before_it_opens_the_second_port(served):
    with served.connect(served.microphone_port, b"all") as microphone:
        half_close(microphone)
        with served.connect(served.speaker_port):
            assert served.first_bytes(served.begun(1)) == b"all"


def test_one_client_more_is_refused_at_once_and_has_room_at_once(served, caplog):
    caplog.set_level("DEBUG", "utils.server.server")
    with served.connect(served.microphone_port), served.connect(served.speaker_port) as speaker:
        served.begun(1)
        for port in (served.microphone_port, served.speaker_port):
            with served.connect(port) as refused:
                assert refused.recv(1) == b""
        assert "already in conversation" in caplog.text
        assert "it opened the second port without the first" in caplog.text
        assert "it opened one port only" not in caplog.text  # which is found out after a while
        speaker.close()
        with served.connect(served.microphone_port), served.connect(served.speaker_port):
            served.begun(2)


def test_what_is_written_to_the_second_port_is_ignored(served):
    with served.connect(served.microphone_port), served.connect(served.speaker_port) as speaker:
        conversation = served.begun(1)
        speaker.sendall(bytes(5_000_000))
        assert not conversation.finished.is_set()
        half_close(speaker)
        assert conversation.closed.wait(10)


def test_a_conversation_that_cannot_be_made_is_closed_and_the_next_begins(served, caplog):
    served.fail = True
    with served.connect(served.microphone_port) as microphone, served.connect(served.speaker_port) as speaker:
        assert microphone.recv(1) == speaker.recv(1) == b""
    assert "a conversation could not be started" in caplog.text
    served.fail = False
    with served.connect(served.microphone_port), served.connect(served.speaker_port):
        served.begun(1)


def test_first_halves_that_wait_are_few(served):
    opened = [served.connect(served.microphone_port) for _ in range(40)]
    try:
        for connection in opened[:24]:
            assert connection.recv(1) == b""  # the oldest go
        with served.connect(served.speaker_port):
            served.begun(1)
    finally:
        for connection in opened:
            connection.close()
