"""The first and the last stage, on real sockets."""

from __future__ import annotations

import socket
import threading
import time

import numpy as np
import pytest

from handlers.sockets.receiver import ReceiverEngine, SocketReceiver
from handlers.sockets.sender import SenderEngine, SocketSender
from tests.fakes import RunningStage, Surroundings
from utils.conversation.messages import (
    ConversationStarted,
    InputAudio,
    InputEnded,
    InputGap,
    ReplyAudio,
    ReplyEnd,
    Transcript,
)
from utils.turns.turns import State


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture
def world():
    return Surroundings(clock=time.monotonic)


def heard(stage) -> tuple[np.ndarray, list]:
    """All samples up to the end of the input, and the other messages."""
    samples, others = [np.zeros(0, dtype=np.float32)], []
    while not isinstance(message := stage.outbox.get(), InputEnded):
        samples.append(message.samples) if isinstance(message, InputAudio) else others.append(message)
    return np.concatenate(samples), others


def test_bytes_become_samples_whatever_their_cuts(world, pair):
    ours, theirs = pair
    pcm = np.arange(-3_000, 3_000, dtype="<i2")
    data = pcm.tobytes() + b"\x07"
    with RunningStage(world, SocketReceiver, ReceiverEngine(ours, 1_024)) as stage:
        stage.inbox.put(ConversationStarted())
        for start in range(0, len(data), 777):
            theirs.sendall(data[start : start + 777])
        theirs.shutdown(socket.SHUT_WR)
        samples, _ = heard(stage)
    assert (samples * 32_768).astype(np.int16).tolist() == pcm.tolist()


def test_a_client_that_sends_nothing_makes_gaps(world, pair):
    ours, theirs = pair
    with RunningStage(world, SocketReceiver, ReceiverEngine(ours, 1_024)) as stage:
        stage.inbox.put(ConversationStarted())
        gaps = [stage.outbox.get() for _ in range(3)]
        theirs.close()
        heard(stage)
    assert all(isinstance(gap, InputGap) for gap in gaps)
    assert gaps[0].until < gaps[1].until < gaps[2].until


def test_a_reset_ends_the_input(world):
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    with ours, RunningStage(world, SocketReceiver, ReceiverEngine(ours, 1_024)) as stage:
        stage.inbox.put(ConversationStarted())
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        theirs.close()
        samples, _ = heard(stage)
    assert len(samples) == 0


def read(connection: socket.socket, count: int) -> bytes:
    connection.settimeout(10)
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


def test_a_reply_is_the_audio_padded_to_whole_chunks(world, pair):
    ours, theirs = pair
    attempt = spoken(world)
    done = ended(world, attempt)
    audio = np.arange(3_000, dtype=np.int16)
    with RunningStage(world, SocketSender, SenderEngine(ours, 0.2), last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, audio[:1_000], "One.", False))
        stage.inbox.put(ReplyAudio(attempt, audio[1_000:], "", True))
        stage.inbox.put(ReplyAudio(attempt, audio[:0], "🎉", True))
        stage.inbox.put(ReplyEnd(attempt))
        assert read(theirs, 6_144) == audio.tobytes() + bytes(144)
        assert done.wait(5)
    assert world.turns.state(attempt) is State.DONE
    assert world.lines[:3] == ["USER: Hello?", "ASSISTANT: One.", "ASSISTANT: 🎉"]
    assert world.chat.messages("x")[1]["content"] == "One.🎉"


def test_a_reply_is_sent_no_faster_than_it_plays(world, pair):
    ours, theirs = pair
    attempt = spoken(world)
    arrivals = []
    with RunningStage(world, SocketSender, SenderEngine(ours, 0.1), last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, np.ones(44_100 // 2, dtype=np.int16), "One.", True))
        total = 0
        theirs.settimeout(10)
        while total < 44_100:
            total += len(theirs.recv(65_536))
            arrivals.append((time.monotonic(), total))
    start = arrivals[0][0]
    assert all(total / 2 / 44_100 <= at - start + 0.1 + 0.03 for at, total in arrivals)


def test_a_cancelled_reply_stops_and_leaves_no_half_sample(world, pair):
    ours, theirs = pair
    attempt = spoken(world)
    with RunningStage(world, SocketSender, SenderEngine(ours, 0.1), last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, np.ones(44_100 * 20, dtype=np.int16), "Long.", True))
        first = read(theirs, 8_000)
        world.turns.user_speaks()
        world.turns.interrupt()
        following = spoken(world, "Again?")
        stage.inbox.put(ReplyAudio(following, np.full(1_024, 2, dtype=np.int16), "Two.", True))
        stage.inbox.put(ReplyEnd(following))
        data = first
        while not data.endswith(np.full(1_024, 2, dtype="<i2").tobytes()):
            data += read(theirs, 2)
    samples = np.frombuffer(data, dtype="<i2")
    assert set(samples.tolist()) <= {0, 1, 2}
    assert np.count_nonzero(samples == 1) < 44_100
    assert len(data) % 2_048 == 0
    assert world.lines[1:3] == ["ASSISTANT: Long.", next(line for line in world.lines if "interrupted" in line)]


def test_a_reply_waits_while_the_user_may_be_speaking(world, pair):
    ours, theirs = pair
    attempt = spoken(world)
    world.turns.doubt(True)
    with RunningStage(world, SocketSender, SenderEngine(ours, 0.2), last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, np.ones(1_024, dtype=np.int16), "One.", True))
        theirs.settimeout(0.2)
        with pytest.raises(TimeoutError):
            theirs.recv(1)
        world.turns.doubt(False)
        assert read(theirs, 2_048)


def test_a_client_that_does_not_read_keeps_nobody_from_stopping(world, pair):
    ours, _ = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    attempt = spoken(world)
    with RunningStage(world, SocketSender, SenderEngine(ours, 2.0), last=True) as stage:
        for _ in range(20):
            stage.inbox.put(ReplyAudio(attempt, np.ones(44_100, dtype=np.int16), "Long.", True))
        assert world.turns.wait_while_playing(attempt, 0.5) or world.turns.live(attempt)
        world.turns.close()


def test_a_client_that_has_gone_ends_the_conversation(world, pair):
    ours, theirs = pair
    attempt = spoken(world)
    theirs.close()
    with RunningStage(world, SocketSender, SenderEngine(ours, 0.2), last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, np.ones(44_100, dtype=np.int16), "One.", True))
        assert world.over.wait(5)
    assert "can't be written to" in world.hung_up[0]


def test_the_end_of_the_input_ends_the_conversation_after_the_reply(world, pair):
    ours, theirs = pair
    attempt = spoken(world)
    with RunningStage(world, SocketSender, SenderEngine(ours, 0.2), last=True) as stage:
        stage.inbox.put(ReplyAudio(attempt, np.ones(1_024, dtype=np.int16), "One.", True))
        stage.inbox.put(ReplyEnd(attempt))
        stage.inbox.put(InputEnded())
        assert world.over.wait(5)
        assert read(theirs, 2_048)


def test_a_failed_turn_ends_once(world, pair):
    ours, _ = pair
    attempt = spoken(world)
    done = ended(world, attempt)
    with RunningStage(world, SocketSender, SenderEngine(ours, 0.2), last=True) as stage:
        stage.inbox.put(ReplyEnd(attempt, failed=True))
        assert done.wait(5)
    assert world.lines[0] == "USER: Hello?"
