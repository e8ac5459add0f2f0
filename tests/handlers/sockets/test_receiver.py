"""What the client says becomes samples, gaps and an end."""

from __future__ import annotations

import numpy as np
import pytest

from handlers.sockets.receiver import SocketReceiver
from tests.fakes import RunningStage, Surroundings
from tests.fakes_transport import FakeTransport
from utils.conversation.messages import ConversationStarted, InputAudio, InputEnded, InputGap, Message


@pytest.fixture
def world():
    return Surroundings()


@pytest.fixture
def transport(world):
    return FakeTransport(world.clock)


def heard(world: Surroundings, transport: FakeTransport) -> list[Message]:
    """All that the stage makes of what was scripted."""
    return world.process(world.stage(SocketReceiver, transport), [ConversationStarted()])


def test_bytes_become_samples_whatever_their_cuts(world, transport):
    pcm = np.arange(-3_000, 3_000, dtype="<i2")
    data = pcm.tobytes() + b"\x07"
    for start in range(0, len(data), 777):
        transport.say(data[start : start + 777])
    transport.end_input()
    *audio, end = heard(world, transport)
    assert end == InputEnded()
    assert (np.concatenate([message.samples for message in audio]) * 32_768).astype(np.int16).tolist() == pcm.tolist()


def test_these_bytes_are_these_samples(world, transport):
    transport.say(b"\x00\x00\x00\x40\x00\x80\xff")
    transport.say(b"\xff")
    transport.end_input()
    first, second, _ = heard(world, transport)
    assert first.samples.tolist() == [0.0, 0.5, -1.0]
    assert second.samples.tolist() == [-1 / 32_768]


def test_audio_is_dated_when_it_arrives_and_a_client_that_sends_nothing_makes_gaps(world, transport):
    transport.say(bytes(2))
    for _ in range(3):
        transport.say_nothing()
    transport.say(bytes(2))
    transport.end_input()
    first, *gaps, second, end = heard(world, transport)
    assert (first.received_at, end) == (1_000.0, InputEnded())
    assert all(isinstance(gap, InputGap) for gap in gaps)
    assert [gap.until for gap in gaps] == pytest.approx([1_000.2, 1_000.25, 1_000.3])
    assert second.received_at == pytest.approx(1_000.3)
    assert transport.read_timeouts == [0.2, 0.2, 0.05, 0.05, 0.05, 0.2]


def test_an_input_that_breaks_off_ends(world, transport):
    transport.say(bytes(2))
    transport.break_input("[Errno 104] Connection reset by peer")
    audio, end = heard(world, transport)
    assert isinstance(audio, InputAudio)
    assert end == InputEnded()


def test_the_end_of_the_conversation_ends_its_loop(world, transport):
    with RunningStage(world, SocketReceiver, transport) as stage:
        stage.inbox.put(ConversationStarted())
        transport.say(bytes(2))
        assert isinstance(stage.outbox.get(), InputAudio)
        world.turns.close()
        transport.shut_down()
