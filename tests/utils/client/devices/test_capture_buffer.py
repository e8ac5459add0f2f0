"""Capture: blocks come out in order; when nobody takes them the oldest go."""

from __future__ import annotations

import threading

from utils.client.devices.capture_buffer import CaptureBuffer


def test_blocks_leave_in_order_and_the_oldest_are_lost_first():
    buffer = CaptureBuffer(3)
    for number in range(5):
        buffer.put(bytes([number]))
    assert [buffer.get(0) for _ in range(4)] == [b"\x02", b"\x03", b"\x04", None]


def test_a_block_wakes_who_waits_for_it():
    buffer, taken = CaptureBuffer(3), []
    waiter = threading.Thread(target=lambda: taken.append(buffer.get(30)))
    waiter.start()
    buffer.put(b"ab")
    waiter.join(10)
    assert taken == [b"ab"]


def test_clear_forgets():
    buffer = CaptureBuffer(3)
    buffer.put(b"ab")
    buffer.clear()
    assert buffer.get(0) is None
