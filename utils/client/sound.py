"""Calls the sound library in a thread of its own, so that the client can end while the library hangs.

PortAudio's calls can't be interrupted, and they wait for the system's sound server without a limit. Ctrl-C has to end
the client even then.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from arguments.client_arguments import ClientArguments
from utils.client.connection import Stop
from utils.client.devices.listing import device_lines, load_sounddevice, look_again
from utils.client.ends import Ends, by_name, open_ends
from utils.client.errors import SoundError
from utils.system.engine_thread import EngineThread
from utils.system.stop_signals import Stopped

T = TypeVar("T")

ANSWER_S = 20.0  # a library that does not answer in this time hangs; to open a wireless headset takes a few seconds
STOP_S = 1.0  # how long the devices may take to close after a stop is asked for


class Sound:
    """The devices that the options name. They can be opened and closed again and again.

    waits: whether to wait without a limit for a library that hangs after it has worked once. load: gives the
    sounddevice module. clock: seconds. hung: true when a call hangs and was given up; the clean-up of the interpreter
    would wait for it.
    """

    def __init__(
        self,
        options: ClientArguments,
        stop: Stop,
        waits: bool,
        load: Callable[[], Any] = load_sounddevice,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._stop = stop
        self._waits = waits
        self._load = load
        self._clock = clock
        self._patience_s = ANSWER_S
        self._thread = EngineThread("sound")
        self._library: Any = None
        self.hung = False

    @contextlib.contextmanager
    def opened(self) -> Iterator[Ends]:
        """Open both ends, with the devices that are there now. Raises Stopped, and what `open_ends` raises."""
        stack = contextlib.ExitStack()
        try:
            ends = self._call(lambda: open_ends(self._options, stack, self._current_library))
            self._options = by_name(self._options, ends)
            if self._waits:
                self._patience_s = math.inf
            yield ends
        finally:
            self._call(stack.close)

    def device_lines(self) -> list[str]:
        """One line for each device. Raises SoundError, Stopped."""
        return self._call(lambda: device_lines(self._current_library()))

    def close(self) -> None:
        """End the thread, unless it hangs."""
        if not self.hung:
            self._thread.close(STOP_S)

    def _current_library(self) -> Any:
        if self._library is None:
            self._library = self._load()
        else:
            look_again(self._library)
        return self._library

    def _call(self, work: Callable[[], T]) -> T:
        """Do `work` in the library's thread. If it hangs, raises SoundError, or Stopped if a stop was asked for."""
        give_up_at = self._clock() + self._patience_s

        def wanted() -> bool:
            nonlocal give_up_at
            if self._stop.requested:
                give_up_at = min(give_up_at, self._clock() + STOP_S)
            return self._clock() < give_up_at

        if not self.hung:
            try:
                return self._thread.call(work, wanted)
            except CancelledError:
                self.hung = True
        if self._stop.requested:
            raise Stopped
        raise SoundError("the sound system does not answer")
