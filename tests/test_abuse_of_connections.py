"""Connections opened, dropped, reset, never read or too many: bounded, and the next client notices nothing."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.abused_server import FRANCE, STORY, end_with_a_reset, pcm, quick, reset
from tests.waiting import wait_until
from utils.server.pairing import FRESH_S


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


def test_a_hundred_clients_that_leave_at_once(watched):
    for number in range(100):
        with quick(watched.microphone_port) as microphone, quick(watched.speaker_port):
            if number % 2:
                microphone.sendall(bytes(1_001))


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_one_port_only_takes_nobody_s_place(watched, say, late):
    mark = len(watched.log)
    with contextlib.closing(quick(watched.microphone_port)):
        with contextlib.closing(quick(watched.speaker_port)):
            watched.wait_until_one_talks(mark)
        watched.wait_until_nobody_talks()
    with contextlib.closing(quick(watched.speaker_port)) as alone:
        assert alone.recv(1) == b""
    with contextlib.closing(quick(watched.microphone_port)) as lonely:
        wait_until(lambda: watched.holds(lonely), "the server to accept it")
        time.sleep(FRESH_S + 0.5)  # from then on the newest of those that wait is the next client's, not the oldest
        watched.ask(FRANCE, say(FRANCE), late)
        lonely.settimeout(15)
        assert lonely.recv(1) == b""


def test_a_client_that_never_reads_costs_no_memory(watched, say):
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
    watched.assert_has_room()


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


def test_a_client_that_writes_where_it_should_read_is_answered(watched, say):
    with watched.connect() as client:
        client.speaker.sendall(bytes(5_000_000))
        client.microphone.sendall(pcm(say(FRANCE)) + bytes(16_000))
        assert client.wait_bytes(8_192)


@pytest.mark.parametrize("moment", ["in mid-utterance", "in mid-reply"])
def test_a_reset_ends_a_conversation(watched, say, moment):
    client = watched.connect()
    client.say(say(STORY)[: 16_000 if moment == "in mid-utterance" else None])
    if moment == "in mid-reply":
        assert client.wait_bytes(10_000, 60)
    end_with_a_reset(client.speaker)
    end_with_a_reset(client.microphone)
    client.leave()
    watched.assert_has_room()


def test_a_reset_of_the_microphone_alone_ends_the_input(watched, say):
    with watched.connect() as client:
        client.say(say(FRANCE))
        reset(client.microphone)
        assert client.wait_end(60)
        assert client.byte_count > 20_000


def test_the_end_of_the_second_connection_s_input_ends_the_conversation(watched):
    with watched.connect() as client:
        client.speaker.shutdown(socket.SHUT_WR)
        assert client.wait_end()
        watched.assert_has_room()


def test_a_flood_of_connections_does_not_disturb_a_reply(watched, say):
    mark = len(watched.lines)
    with watched.connect() as client:
        client.say(say(STORY))
        assert client.wait_bytes(4_096, 60)
        for _ in range(100):
            for port in (watched.microphone_port, watched.speaker_port):
                with contextlib.closing(quick(port)) as refused, contextlib.suppress(ConnectionResetError):
                    assert refused.recv(1) == b""  # in the middle of the other's conversation, which goes on
        client.end_input()
        assert client.wait_end(90)
        seconds = float(re.search(r"reply ([\d.]+) s$", watched.wait_line("LATENCY:", mark))[1])
        assert client.byte_count / 2 / 44_100 == pytest.approx(seconds, abs=0.1)
