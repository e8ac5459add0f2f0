"""The sound library, as the client asks it: in one thread, which can be left behind when it hangs.

PortAudio's calls can't be interrupted, and wait for as long as the system's sound server does; Ctrl-C must end the
client all the same.
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

ANSWER_S = 20.0  # a library that has not answered for so long hangs; to open a wireless headset takes a few seconds
STOP_S = 1.0  # after a stop is asked for, so long for the devices to be closed


class Sound:
    """The devices of the options, opened and closed as often as needed.

    waits: for a library that hangs, once it has worked, for ever. load: gives the sounddevice module; clock: seconds.
    hung: a call was left behind, so that the interpreter's clean-up would wait for it.
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
        """Both ends, with the devices that are there now. Raises Stopped, and what `open_ends` raises."""
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
        """A line for each device. Raises SoundError, Stopped."""
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
        """What `work` returns or raises; where it hangs, SoundError, or Stopped if a stop is asked for."""
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
