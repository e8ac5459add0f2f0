"""Python's garbage collector and models: it rests while they load, and leaves alone what they consist of."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """For the time in which the process loads what it keeps until its end.

    Importing PyTorch and Transformers makes a million objects and no garbage to speak of, and the collector would look
    at all of them again and again: loading Whisper took 4.2 s with it and 3.6 s without. Afterwards it does not look at
    them any more: that took 0.25 s, in which no thread of the process did anything. What C libraries have freed goes
    back to the system (77 MiB, with the bundled models).
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        _return_freed_memory()


def _return_freed_memory() -> None:
    """Only the GNU C library keeps much, and only it has the function."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
