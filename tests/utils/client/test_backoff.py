"""The waits grow to eight seconds, and start over when it has worked."""

from __future__ import annotations

from utils.client.backoff import Backoff


def test_waits_double_up_to_eight_seconds():
    backoff = Backoff()
    assert [backoff.next_delay() for _ in range(7)] == [0.5, 1, 2, 4, 8, 8, 8]
    backoff.reset()
    assert backoff.next_delay() == 0.5
