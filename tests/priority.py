"""Who goes first where several want the processor: what stands for the world outside does."""

from __future__ import annotations

import contextlib
import os
import threading

PRIORITY = -10  # what PulseAudio asks for by itself, where a system lets it


def go_first() -> None:
    """Air does not wait for a processor that is busy: nor does the calling thread any more, where that is permitted."""
    with contextlib.suppress(PermissionError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PRIORITY)
