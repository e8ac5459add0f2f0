"""One conversation over real sockets: what is sent, what is received, and every way it ends."""

from __future__ import annotations

import contextlib
import threading

import pytest

from tests.fake_server import FakeServer
from tests.fakes_client import FakeSink, FakeSource, FakeStop
from utils.client.connection import ServerAddress, ServerConnection, connect
from utils.client.conversation import ClientConversation


@pytest.fixture
def pair():
    with FakeServer() as server, contextlib.closing(FakeStop()) as stop:
        connection = connect(ServerAddress("127.0.0.1", server.send_port, server.recv_port), stop)
        yield connection, server.accept()
        connection.close()


def begin(connection: ServerConnection, source: FakeSource, sink: FakeSink) -> ClientConversation:
    conversation = ClientConversation(connection, source, sink)
    conversation.start()
    return conversation


def end(conversation: ClientConversation) -> None:
    assert conversation.ended.wait(10)
    conversation.stop()
    conversation.join()
    assert not [thread for thread in threading.enumerate() if thread.name in ("sender", "receiver")]


def test_a_question_and_its_answer(pair):
    connection, side = pair
    sink = FakeSink()
    conversation = begin(connection, FakeSource(b"que", b"stion!"), sink)
    assert side.read_to_end() == b"question!"
    side.reply(b"answer")
    side.close()
    end(conversation)
    assert sink.written == b"answer"
    assert sink.finished == 1
    assert (conversation.received_bytes, conversation.input_complete) == (6, True)


def test_samples_stay_whole_however_the_bytes_come(pair):
    connection, side = pair
    sink = FakeSink()
    conversation = begin(connection, FakeSource(), sink)
    sent = bytes(range(201))
    for size, start in ((1, 0), (2, 1), (97, 3), (101, 100)):
        side.reply(sent[start : start + size])
    side.close()
    end(conversation)
    assert sink.written == sent[:200]  # half a sample at the end is none
    assert all(len(write) % 2 == 0 for write in sink.writes)


def test_silence_from_the_server_is_told_to_the_sink(pair):
    connection, side = pair
    sink = FakeSink()
    conversation = begin(connection, FakeSource(), sink)
    side.reply(b"ab")
    while not (sink.pauses and sink.written):
        assert not conversation.ended.wait(0.01)
    side.close()
    end(conversation)


def test_a_sink_without_room_makes_the_server_wait(pair):
    connection, side = pair
    sink = FakeSink(full=True)
    conversation = begin(connection, FakeSource(endless=True), sink)
    side.speaker.settimeout(0.3)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 100_000_000:
            sent += side.speaker.send(bytes(1_000_000))
    assert 0 < sent < 100_000_000  # what the kernel holds
    assert not sink.written
    sink.room.set()
    side.speaker.settimeout(20)
    side.speaker.sendall(b"go on!")
    side.close()
    end(conversation)
    assert sink.written == bytes(sent) + b"go on!"


def test_the_last_bytes_count_though_the_server_takes_no_more(pair):
    connection, side = pair
    sink = FakeSink()
    conversation = begin(connection, FakeSource(endless=True), sink)
    side.read(320)
    side.reply(b"last words")
    side.microphone.close()  # with bytes unread: what is sent to it now is answered with a reset
    end(conversation)
    assert sink.written == b"last words"
    assert not conversation.input_complete


@pytest.mark.parametrize("reading", [True, False])
def test_it_stops_while_everything_goes_on(pair, reading):
    connection, side = pair
    conversation = begin(connection, FakeSource(bytes(1_000 if reading else 100_000_000), endless=True), FakeSink())
    side.read(1_000)
    conversation.stop()
    conversation.join()
    assert side.client_has_left()


def test_it_stops_while_the_sink_is_full(pair):
    connection, side = pair
    conversation = begin(connection, FakeSource(endless=True), FakeSink(full=True))
    side.reply(b"abcd")
    conversation.stop()
    conversation.join()


def test_a_sink_that_fails_ends_it_with_its_error(pair):
    connection, side = pair
    conversation = begin(connection, FakeSource(endless=True), FakeSink(failure=OSError(28, "No space left")))
    side.reply(b"abcd")
    assert conversation.ended.wait(10)
    conversation.stop()
    with pytest.raises(OSError, match="No space left"):
        conversation.join()


def test_a_source_that_fails_ends_it_with_its_error(pair):
    connection, _ = pair
    conversation = begin(connection, FakeSource(b"ab", failure=ValueError("broken")), FakeSink())
    assert conversation.ended.wait(10)
    conversation.stop()
    with pytest.raises(ValueError, match="broken"):
        conversation.join()


def test_nothing_is_written_to_the_speaker_connection(pair):
    connection, side = pair
    conversation = begin(connection, FakeSource(b"abcd"), FakeSink())
    side.read_to_end()
    conversation.stop()
    conversation.join()
    assert side.client_has_left()  # end of file and not a byte before it
