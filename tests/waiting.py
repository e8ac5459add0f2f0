"""Waiting for what nobody announces, looked at again and again until a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

DEADLINE_S = 30.0  # of everything that takes a moment: a busy machine's
LOOK_S = 0.02


def wait_until(found: Callable[[], bool], what: str) -> None:
    """Until `found()`; AssertionError, which says what was waited for, where it never is."""
    end = time.monotonic() + DEADLINE_S
    while not found():
        assert time.monotonic() < end, f"waited for {what}"
        threading.Event().wait(LOOK_S)
