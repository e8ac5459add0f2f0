"""Bad input against the real server process: nobody else notices, memory and threads stay where they are."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.process_watch import MIB, ProcessWatch
from tests.raw_client import BLOCK_S, RawClient
from tests.server_process import ServerProcess
from tests.spoken import assert_understood, words
from tests.waiting import wait_until
from utils.local_server import ROOT

FRANCE = "What is the capital of France?"
STORY = "Tell me a long story about a dog."
# Whatever comes in, it waits in 32 messages a queue at most: 30 s of speech for Whisper and one reply are far below.
MOST_GROWTH = 200 * MIB


@pytest.fixture(scope="module")
def server(say):
    with ServerProcess("--log_level", "debug") as running:
        running.idle = ProcessWatch(running.process.pid).now()
        for question in (FRANCE, STORY):  # the first questions take memory that is kept
            ask(running, question, say(question))
        yield running


@pytest.fixture
def watched(server, say):
    """The server; when the test is over, it serves the next client well and has given back what it took."""
    watch = ProcessWatch(server.process.pid)
    memory = watch.now().memory
    yield server
    ask(server, FRANCE, say(FRANCE))
    wait_until(lambda: watch.now().threads <= server.idle.threads, "the conversation's threads to end")
    wait_until(lambda: watch.now().files <= server.idle.files, "the conversation's sockets to be closed")
    assert watch.now().memory - memory < MOST_GROWTH
    assert server.process.poll() is None


def ask(server: ServerProcess, question: str, audio: np.ndarray) -> None:
    """A client that speaks faster than people do, is understood and hears the beginning of an answer."""
    mark = len(server.lines)
    with server.connect() as client:
        client.microphone.sendall(pcm(audio) + bytes(16_000))
        assert_understood(question, server.wait_line("USER:", mark))
        assert client.wait_bytes(8_192)
    wait_until_nobody_talks(server)


def wait_until_nobody_talks(server: ServerProcess) -> None:
    """Each conversation that began is over. The promise is a second; the rest is a busy machine's."""

    def over(log: list[str]) -> bool:
        begun = sum("conversation with" in line and "over:" not in line and "refused" not in line for line in log)
        return begun == sum("conversation with" in line and "over:" in line for line in log)

    server.wait_for(server.log, over, 10)


def pcm(audio: np.ndarray) -> bytes:
    return (np.clip(audio, -1, 1) * 32_767).astype("<i2").tobytes()


def reset(connection: socket.socket) -> None:
    """Close without a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def quick(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


@pytest.mark.parametrize("sizes", [[1], [3, 1, 1_021, 7], [64_001]])
def test_writes_of_any_size_are_heard(watched, say, sizes):
    """Samples cut in two anywhere; single bytes; all at once."""
    data, mark, written, turn = pcm(say(FRANCE)), len(watched.lines), 0, 0
    with watched.connect() as client:
        began = time.monotonic()
        while written < len(data):
            size = sizes[turn % len(sizes)]
            client.microphone.sendall(data[written : written + size])
            written, turn = written + size, turn + 1
            ahead = began + written / 32_000 - time.monotonic() - BLOCK_S
            if ahead > 0:
                time.sleep(ahead)  # a microphone's own pace
        client.end_input()
        assert_understood(FRANCE, watched.wait_line("USER:", mark))


def test_half_a_sample_is_no_harm(watched):
    with watched.connect() as client:
        client.microphone.sendall(b"\x01")
        client.end_input()
        assert client.wait_end(10)
        assert client.byte_count == 0


def test_random_bytes_are_no_harm(watched):
    with watched.connect() as client:
        client.microphone.sendall(np.random.default_rng(0).bytes(2_000_001))
        client.end_input()
        assert client.wait_end(60)


def test_minutes_of_speech_at_once_are_taken_as_they_can_be(watched, say):
    """160 s of speech in one write: the socket keeps the writer waiting, and the client's leaving ends it."""
    watch = ProcessWatch(watched.process.pid)
    before, most = watch.now().memory, 0
    audio = np.tile(np.concatenate([say(FRANCE), np.zeros(1_600, dtype=np.float32)]), 90)
    data = memoryview(pcm(audio))[: 160 * 32_000]
    with watched.connect() as client:
        client.microphone.settimeout(60)
        for start in range(0, len(data), 64_000):
            client.microphone.sendall(data[start : start + 64_000])
            most = max(most, watch.now().memory)
    assert most - before < MOST_GROWTH
    wait_until_nobody_talks(watched)


def test_ports_opened_and_dropped_in_any_order(watched):
    first, second = watched.microphone_port, watched.speaker_port
    for order in ((first, second), (second, first), (first,), (second,), (first, first), (second, second)):
        for end in (socket.socket.close, reset):
            opened = [quick(port) for port in order]
            for connection in opened:
                end(connection)


def test_a_hundred_quick_connects(watched):
    with ThreadPoolExecutor(8) as pool:
        ports = [watched.microphone_port, watched.speaker_port] * 50
        for connection in pool.map(quick, ports):
            connection.close()


def test_one_port_only_takes_nobody_s_place(watched, say):
    with contextlib.closing(quick(watched.microphone_port)):
        with contextlib.closing(quick(watched.speaker_port)) as paired:  # these two are a conversation
            paired.settimeout(5)
        wait_until_nobody_talks(watched)
    with contextlib.closing(quick(watched.microphone_port)) as lonely:
        time.sleep(1.1)  # from then on the newest of those that wait is the next client's, not the oldest
        ask(watched, FRANCE, say(FRANCE))
        lonely.settimeout(15)
        assert lonely.recv(1) == b""


def test_a_client_that_never_reads_costs_no_memory(watched, say):
    watch, before = ProcessWatch(watched.process.pid), ProcessWatch(watched.process.pid).now().memory
    mark = len(watched.lines)
    microphone = quick(watched.microphone_port)
    speaker = socket.socket()
    speaker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    speaker.connect(("127.0.0.1", watched.speaker_port))
    with microphone, speaker:
        microphone.sendall(pcm(say(STORY)) + bytes(32_000))
        watched.wait_line("ASSISTANT:", mark)
        microphone.settimeout(30)
        microphone.sendall(bytes(32_000 * 5))  # it goes on talking meanwhile, and is still listened to
        assert watch.now().memory - before < MOST_GROWTH
    wait_until_nobody_talks(watched)


def test_a_client_that_reads_a_byte_at_a_time_hears_it_all(watched, say):
    mark = len(watched.lines)
    with quick(watched.microphone_port) as microphone, quick(watched.speaker_port) as speaker:
        microphone.sendall(pcm(say(FRANCE)))
        microphone.shutdown(socket.SHUT_WR)
        speaker.settimeout(60)
        count = 0
        while speaker.recv(1):
            count += 1
    assert count % 2_048 == 0
    seconds = float(re.search(r"reply ([\d.]+) s", watched.wait_line("LATENCY:", mark))[1])
    assert count / 2 / 44_100 == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize("moment", ["in mid-utterance", "in mid-reply"])
def test_a_reset_ends_a_conversation(watched, say, moment):
    client = RawClient(watched.microphone_port, watched.speaker_port)
    client.say(say(STORY)[: 16_000 if moment == "in mid-utterance" else None])
    if moment == "in mid-reply":
        assert client.wait_bytes(10_000, 60)
    client.speaker.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.microphone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.leave()
    wait_until_nobody_talks(watched)


def test_the_end_of_the_second_connection_s_input_ends_the_conversation(watched):
    with watched.connect() as client:
        client.speaker.shutdown(socket.SHUT_WR)
        assert client.wait_end(5)
    wait_until_nobody_talks(watched)


def test_a_flood_of_connections_does_not_disturb_a_reply(watched, say):
    mark = len(watched.lines)
    with watched.connect() as client:
        client.say(say(STORY))
        assert client.wait_bytes(4_096, 60)
        for _ in range(100):
            for port in (watched.microphone_port, watched.speaker_port):
                with contextlib.closing(quick(port)) as refused, contextlib.suppress(ConnectionResetError):
                    assert refused.recv(1) == b""
        client.end_input()
        assert client.wait_end(90)
        seconds = float(re.search(r"reply ([\d.]+) s$", watched.wait_line("LATENCY:", mark))[1])
        assert client.byte_count / 2 / 44_100 == pytest.approx(seconds, abs=0.1)


def test_noise_is_no_turn_and_speech_after_it_is(watched, say):
    rng, mark = np.random.default_rng(1), len(watched.lines)
    with watched.connect() as client:
        for _ in range(3):
            client.say(rng.normal(0, 0.2, 4_000).astype(np.float32))
            client.silence(0.4)
        client.say(say(FRANCE))
        client.end_input()
        assert client.wait_end(60)
    users = [line for line in watched.lines[mark:] if line.startswith("USER:")]
    assert len(users) == 1
    assert words(users[0].removeprefix("USER:")).endswith("capital of france")


def test_a_stage_that_breaks_costs_one_turn(say):
    with ServerProcess(program=ROOT / "tests" / "broken_server.py") as server, server.connect() as client:
        client.say(say(FRANCE))
        client.silence(0.4)
        server.wait_for(server.log, lambda log: any("turn 1 ended early: a stage failed" in line for line in log))
        assert any("RuntimeError: the voice breaks" in line for line in server.log)
        assert client.byte_count == 0
        mark = len(server.lines)
        client.say(say(FRANCE))
        client.end_input()
        assert_understood(FRANCE, server.wait_line("USER:", mark))
        assert client.wait_end(60)
        assert client.byte_count > 20_000
