"""Playback: bytes come out in order and whole, gaps are silence, and nobody waits but the network."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.client.devices.playback_buffer import PlaybackBuffer

GARBAGE = 0xA5

steps = st.lists(
    st.one_of(
        st.binary(max_size=40).map(lambda data: ("append", data)),
        st.integers(min_value=0, max_value=20).map(lambda samples: ("read", 2 * samples)),
    )
)


@given(steps)
def test_bytes_leave_in_order_whole_samples_first_then_silence(steps):
    buffer, written, played = PlaybackBuffer(1_000), bytearray(), bytearray()
    for action, value in steps:
        if action == "append":
            buffer.append(value)
            written += value
            continue
        out = bytearray([GARBAGE]) * value
        count = buffer.read_into(out)
        assert count % 2 == 0
        assert count == min(value, (len(written) - len(played)) // 2 * 2)
        assert not any(out[count:])
        played += out[:count]
    assert written.startswith(played)
    assert len(buffer) == len(written) - len(played)


def test_half_a_sample_waits_for_its_other_half():
    buffer = PlaybackBuffer(100)
    out = bytearray(4)
    buffer.append(b"\x01\x02\x03")
    assert buffer.read_into(out) == 2
    assert out == b"\x01\x02\x00\x00"
    assert buffer.read_into(out) == 0
    assert out == bytes(4)
    buffer.append(b"\x04")
    assert buffer.read_into(out) == 2
    assert out == b"\x03\x04\x00\x00"


@pytest.mark.parametrize(("held", "room"), [(0, True), (9, True), (10, False), (25, False)])
def test_room_is_what_is_left_of_the_capacity(held, room):
    buffer = PlaybackBuffer(10)
    buffer.append(bytes(held))
    assert buffer.wait_for_room(0) is room


def test_playing_wakes_who_waits_for_room():
    buffer = PlaybackBuffer(10)
    buffer.append(bytes(10))
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(buffer.wait_for_room(30)))
    waiter.start()
    buffer.read_into(bytearray(2))
    waiter.join(10)
    assert answers == [True]


def test_a_threaded_producer_and_consumer_lose_nothing():
    buffer, played = PlaybackBuffer(64), bytearray()
    sent = bytes(index % 251 for index in range(20_000))

    def produce() -> None:
        for start in range(0, len(sent), 7):
            assert buffer.wait_for_room(30)
            buffer.append(sent[start : start + 7])

    producer = threading.Thread(target=produce)
    producer.start()
    out = bytearray(32)
    while len(played) < len(sent):
        played += out[: buffer.read_into(out)]
        assert len(buffer) < 64 + 7
    producer.join(10)
    assert played == sent
