"""`with progress("loading the LM …"):` shows that slow work goes on, and shows nothing for quick work."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from utils.system.stop_signals import Stopped

INTERVAL_S = 2.0  # nothing is shown for this time, and then a line each time it has passed

Wait = Callable[[threading.Event, float], bool]


@contextlib.contextmanager
def progress(
    what: str,
    *,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
    wait: Wait = threading.Event.wait,
) -> Iterator[None]:
    """Print "… still loading the LM (4 s)" every two seconds while the block runs, and at the end how long it took.

    A block that ends within two seconds prints nothing. On a terminal the lines replace each other. what: an action in
    progress, "loading the LM …". stream: None is stderr. clock: seconds. wait(done, seconds): waits, and returns
    whether `done` was set. An exception of the block passes through. A stream that can't be written to is no error.
    """
    report = _Report(what.rstrip(" …."), sys.stderr if stream is None else stream, clock)
    done = threading.Event()
    thread = threading.Thread(target=report.run, args=(done, wait), name="progress", daemon=True)
    thread.start()
    outcome = "failed after"
    try:
        yield
        outcome = "took"
    except Stopped:
        outcome = "stopped after"
        raise
    finally:
        done.set()
        thread.join()
        report.finish(outcome)


class _Report:
    """The lines about one piece of work."""

    def __init__(self, what: str, stream: TextIO | None, clock: Callable[[], float]) -> None:
        self._what, self._stream, self._clock = what, stream, clock
        self._started = clock()
        self._on_terminal = stream is not None and stream.isatty()
        self._width = 0  # characters of the line to write over

    def run(self, done: threading.Event, wait: Wait) -> None:
        while not wait(done, INTERVAL_S):
            self._write(f"… still {self._what} ({self._elapsed_s():.0f} s)", end="")

    def finish(self, outcome: str) -> None:
        """outcome: "took", "stopped after" or "failed after"."""
        if self._width:
            self._write(f"{self._what} {outcome} {self._elapsed_s():.1f} s", end="\n")

    def _elapsed_s(self) -> float:
        return self._clock() - self._started

    def _write(self, line: str, end: str) -> None:
        text = "\r" + line.ljust(self._width) + end if self._on_terminal else line + "\n"
        self._width = len(line)
        with contextlib.suppress(OSError, ValueError):  # closed, or its reader gone: the work itself goes on
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
