"""The last stage in its real loop: over TCP what is on the wire, and when it hangs up."""

from __future__ import annotations

import socket
import threading
import time

import numpy as np
import pytest

from handlers.sockets.sender import SocketSender
from tests.fakes import RunningStage, Surroundings
from tests.fakes_transport import FakeTransport
from tests.waiting import DEADLINE_S
from utils.conversation.messages import InputEnded, ReplyAudio, ReplyEnd, Transcript
from utils.transports.tcp_pair import TcpPair, TcpPairOptions
from utils.turns.turns import State


@pytest.fixture
def world():
    return Surroundings(clock=time.monotonic)


@pytest.fixture
def wire(world):
    """The transport, and the client's end of its second connection."""
    microphone, _microphone = socket.socketpair()
    speaker, client = socket.socketpair()
    client.settimeout(10)
    transport = TcpPair(microphone, speaker, TcpPairOptions(16_000, 0.1, 1_024), world.clock)
    yield transport, client
    transport.close()
    for connection in (_microphone, client):
        connection.close()


def read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += connection.recv(count - len(data))
    return data


def spoken(world, text="Hello?") -> int:
    attempt = world.transcribed()
    world.records.observe(Transcript(attempt, world.turns.turn_of(attempt), text))
    return attempt


def ended(world, attempt):
    event = threading.Event()
    world.turns.subscribe(lambda: world.turns.live(attempt) or event.set())
    return event


def test_a_reply_is_the_audio_padded_to_whole_chunks(world, wire):
    transport, client = wire
    attempt = spoken(world)
    done = ended(world, attempt)
    audio = np.arange(3_000, dtype=np.int16)
    with RunningStage(world, SocketSender, transport, last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, audio[:1_000], "One.", False))
        stage.inbox.put(ReplyAudio(attempt, audio[1_000:], "", True))
        stage.inbox.put(ReplyAudio(attempt, audio[:0], "🎉", True))
        stage.inbox.put(ReplyEnd(attempt))
        assert read(client, 6_144) == audio.astype("<i2").tobytes() + bytes(144)
        assert done.wait(DEADLINE_S)
    assert world.turns.state(attempt) is State.DONE
    assert world.lines[:3] == ["USER: Hello?", "ASSISTANT: One.", "ASSISTANT: 🎉"]
    assert world.chat.messages("x")[1]["content"] == "One.🎉"


def test_a_reply_is_sent_no_faster_than_it_plays(world, wire):
    """By the server's account of it: at each moment no more was written than has played, and the lead."""
    transport, client = wire
    attempt = spoken(world)
    ahead = []
    with RunningStage(world, SocketSender, transport, last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, np.ones(22_050, dtype=np.int16), "One.", True))
        total = 0
        while total < 44_100:
            total += len(client.recv(65_536))
            ahead.append(total / 2 - transport.heard(world.clock()))
    assert max(ahead) <= 4_410 + 882  # the block that the client has and the account has not yet


def test_a_cancelled_reply_stops_and_leaves_no_half_sample(world, wire):
    transport, client = wire
    attempt = spoken(world)
    with RunningStage(world, SocketSender, transport, last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, np.ones(44_100 * 20, dtype=np.int16), "Long.", True))
        first = read(client, 8_000)
        world.turns.user_speaks()
        world.turns.interrupt()
        following = spoken(world, "Again?")
        stage.inbox.put(ReplyAudio(following, np.full(1_024, 2, dtype=np.int16), "Two.", True))
        stage.inbox.put(ReplyEnd(following))
        data = first
        while not data.endswith(np.full(1_024, 2, dtype="<i2").tobytes()):
            data += read(client, 2)
    samples = np.frombuffer(data, dtype="<i2")
    ones = np.count_nonzero(samples == 1)
    assert 4_000 <= ones < 44_100 * 10  # of twenty seconds; on a quiet machine a fifth of one
    assert data == b"\x01\x00" * ones + bytes(-2 * ones % 2_048) + b"\x02\x00" * 1_024
    assert world.lines[1:3] == ["ASSISTANT: Long.", next(line for line in world.lines if "interrupted" in line)]


def test_a_reply_waits_while_the_user_may_be_speaking(world):
    transport = FakeTransport(world.clock)
    attempt = spoken(world)
    world.turns.doubt(True)
    with RunningStage(world, SocketSender, transport, last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, np.ones(1_024, dtype=np.int16), "One.", True))
        assert world.turns.state(attempt) is State.COMMITTED
        assert not transport.received
        world.turns.doubt(False)
        assert transport.wait_received(2_048) == b"\x01\x00" * 1_024


def test_a_client_that_does_not_read_keeps_nobody_from_stopping(world):
    transport = FakeTransport(world.clock, lead_s=2.0)
    transport.make_room(10_001)
    attempt = spoken(world)
    with RunningStage(world, SocketSender, transport, last=True) as stage:
        for _ in range(20):
            stage.inbox.put(ReplyAudio(attempt, np.ones(44_100, dtype=np.int16), "Long.", True))
        transport.wait_received(10_001)
        world.turns.close()
    assert transport.received == b"\x01\x00" * 5_000 + b"\x01"


def test_a_client_that_has_gone_ends_the_conversation(world, wire):
    transport, client = wire
    attempt = spoken(world)
    client.close()
    with RunningStage(world, SocketSender, transport, last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, np.ones(44_100, dtype=np.int16), "One.", True))
        assert world.over.wait(DEADLINE_S)
    assert world.hung_up == ["the client can't be written to: [Errno 32] Broken pipe"]


def test_the_end_of_the_input_ends_the_conversation_after_the_reply(world, wire):
    transport, client = wire
    attempt = spoken(world)
    with RunningStage(world, SocketSender, transport, last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, np.ones(1_024, dtype=np.int16), "One.", True))
        stage.inbox.put(ReplyEnd(attempt))
        stage.inbox.put(InputEnded())
        assert world.over.wait(DEADLINE_S)
        assert read(client, 2_048) == b"\x01\x00" * 1_024
    assert world.hung_up == ["the client has ended its input and everything is answered"]


def test_a_failed_turn_ends_once(world):
    attempt = spoken(world)
    done = ended(world, attempt)
    with RunningStage(world, SocketSender, FakeTransport(world.clock), last=True) as stage:
        stage.inbox.put(ReplyEnd(attempt, failed=True))
        assert done.wait(DEADLINE_S)
    assert world.lines[0] == "USER: Hello?"
