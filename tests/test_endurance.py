"""Fifty conversations one after another on one server, half of them dropped: threads, files and memory stay flat."""

from __future__ import annotations

import socket
import statistics
import struct

import numpy as np

from tests.process_watch import MIB, ProcessWatch, Taken
from tests.raw_client import RawClient
from tests.server_process import ServerProcess
from tests.waiting import wait_until

CONVERSATIONS = 50
FIRST, LAST = slice(None, 10), slice(-10, None)
# What one conversation holds is given back; 10 MiB more or less are chance. The voice's runtime keeps blocks of 32 MiB
# for the longest sentence it has spoken, so a long reply comes before the first that counts.
MOST_GROWTH = 30 * MIB
LONG_QUESTION = "Tell me a long story about a dog and a cat."
QUESTION = "What is the capital of France?"


def whole(client: RawClient) -> None:
    """Answered to the end."""
    client.end_input()
    assert client.wait_end(60)
    assert client.byte_count > 40_000


def closed_in_mid_reply(client: RawClient) -> None:
    assert client.wait_bytes(8_192, 60)


def reset_in_mid_reply(client: RawClient) -> None:
    assert client.wait_bytes(8_192, 60)
    for connection in (client.microphone, client.speaker):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closed_while_it_thinks(client: RawClient) -> None:
    assert client.byte_count == 0


ENDS = (whole, closed_in_mid_reply, whole, reset_in_mid_reply, whole, closed_while_it_thinks)


def spoken(audio: np.ndarray) -> bytes:
    return (np.clip(audio, -1, 1) * 32_767).astype("<i2").tobytes() + bytes(16_000)


def test_fifty_conversations_leave_nothing_behind(say):
    speech, long_speech = spoken(say(QUESTION)), spoken(say(LONG_QUESTION))
    with ServerProcess() as server:
        watch = ProcessWatch(server.process.pid)
        idle, seen = watch.now(), []
        for warm_up in (long_speech, speech, speech):
            converse(server, watch, idle, warm_up, whole)
        for number in range(CONVERSATIONS):
            seen.append(converse(server, watch, idle, speech, ENDS[number % len(ENDS)]))
        users = sum(line.startswith("USER:") for line in server.lines)
        assert not any("Traceback" in line or "still busy" in line for line in server.log)
    growth = statistics.median(t.memory for t in seen[LAST]) - statistics.median(t.memory for t in seen[FIRST])
    print(f"memory: {[round(taken.memory / MIB) for taken in seen]} MiB; grown by {growth / MIB:.1f} MiB")
    assert growth < MOST_GROWTH
    assert {taken.files for taken in seen} == {idle.files}
    assert max(taken.threads for taken in seen) <= idle.threads  # OpenMP ends one of its own at times
    assert users >= CONVERSATIONS * 5 // 6  # all but those who left before they were heard


def converse(server: ServerProcess, watch: ProcessWatch, idle: Taken, speech: bytes, end) -> Taken:
    """One conversation, spoken faster than people do; what the server holds when it is over."""
    mark = len(server.log)
    with server.connect() as client:
        client.microphone.sendall(speech)
        if end is closed_while_it_thinks:
            wait_until(lambda: watch.now().threads > idle.threads, "the conversation to begin")
        end(client)
    server.wait_for(server.log, lambda log: any("over:" in line for line in log[mark:]))
    wait_until(lambda: watch.now().threads <= idle.threads, "the conversation's threads to end")
    wait_until(lambda: watch.now().files <= idle.files, "the conversation's sockets to be closed")
    return watch.now()
