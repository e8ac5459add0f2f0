"""What a conversation asks of the wire to its client, whatever that wire is.

A transport carries PCM both ways: signed 16-bit little-endian, mono. One that speaks another format or rate on its wire
converts inside. One thread reads, another writes; every other method may be called from any thread.

    TransportError
    ├── ReadError    the input broke off: nothing more will be read
    └── WriteError   the client can't be written to any more
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from utils.audio.wire import REPLY_RATE

Wanted = Callable[[], bool]


class TransportError(Exception):
    """The wire to the client failed. The message says why, in one line."""


class ReadError(TransportError):
    """The input broke off, for example with a reset."""


class WriteError(TransportError):
    """The client can't be written to any more."""


class Transport(ABC):
    """The wire to one client, from the beginning of its conversation to the end."""

    input_rate: int
    """Hz, of what `read` returns: 16,000 or 8,000, as the VAD expects it."""

    output_rate: int = REPLY_RATE
    """Hz, of what `write` takes. Every voice is heard at this rate."""

    lead_s: float
    """Seconds. How far ahead of its playing the audio is to be written."""

    clock: Callable[[], float]
    """Seconds, monotonic. All times of the conversation are on this clock."""

    # --- the client speaks

    @abstractmethod
    def read(self, timeout_s: float) -> bytes | None:
        """Wait for what the client says, at most so many seconds.

        Returns bytes cut anywhere, also inside a sample; None where nothing arrived; b"" from the end of the input on.
        Raises ReadError where the input broke off.
        """

    # --- the client listens

    @abstractmethod
    def write(self, data: bytes, wanted: Wanted) -> int:
        """Write whole samples, or as many of them as are wanted.

        Where the wire is full, this waits for it in short steps and asks `wanted` at each. It never ends inside a
        sample: that would turn all that follows into noise. A transport that was stopped there owes the rest of the
        sample, and sends it first in the next call.

        Returns how many bytes of `data` are written or owed, a multiple of 2. Less than all: it is not wanted any more.
        Raises WriteError where the client has gone.
        """

    @abstractmethod
    def clear(self) -> bool:
        """Take back what was written and has not been heard. False where the wire can't."""

    @property
    @abstractmethod
    def written(self) -> int:
        """How many samples were written since the beginning, less those that were taken back."""

    @abstractmethod
    def heard(self, now: float) -> int:
        """How many of the `written` samples the client has heard. now: seconds on the clock."""

    @abstractmethod
    def ends_at(self) -> float:
        """When the last of the `written` samples has been heard: seconds on the clock. -inf before the first."""

    # --- the end

    @abstractmethod
    def shut_down(self) -> None:
        """End both directions: whoever waits in `read` or `write` returns. What was written is still delivered."""

    @abstractmethod
    def close(self) -> None:
        """Give the wire back to the system, when nobody reads or writes any more. May be called twice."""
