"""WebRTC's audio processing, in livekit's package: loaded late, and only where an echo is to be cancelled."""

from __future__ import annotations

import logging
from typing import Any

from utils.client.errors import EchoCancellationMissing

RATE = (
    16_000  # Hz: what the server hears; at twice the rate nothing is cancelled better, and everything twice as slowly
)
INSTALL = "pip install -r requirements-client.txt"


class WebRtcCanceller:
    """Cancels the echo and suppresses noise, and cuts off what is below speech.

    The level stays as it is: a gain control would raise what is left of the echo together with a quiet voice, and the
    server hears quiet voices. rtc: the module `livekit.rtc`.
    """

    rate = RATE

    def __init__(self, rtc: Any) -> None:
        self._rtc = rtc
        self._module = rtc.AudioProcessingModule(
            echo_cancellation=True, noise_suppression=True, high_pass_filter=True, auto_gain_control=False
        )

    def process(self, near: bytes, far: bytes, delay_ms: int) -> bytes:
        """Frames of 10 ms, 16-bit mono."""
        self._module.process_reverse_stream(self._frame(far))
        self._module.set_stream_delay_ms(delay_ms)
        frame = self._frame(near)
        self._module.process_stream(frame)
        return bytes(frame.data)

    def _frame(self, data: bytes) -> Any:
        return self._rtc.AudioFrame(bytearray(data), RATE, 1, len(data) // 2)


def load_canceller() -> WebRtcCanceller:
    """A canceller that knows nothing of the room yet. Raises EchoCancellationMissing, which says why."""
    silence = logging.getLogger("livekit")
    silence.propagate = False  # what it tells developers is nothing to users
    silence.addHandler(logging.NullHandler())
    try:
        from livekit import rtc

        return WebRtcCanceller(rtc)
    except ModuleNotFoundError as error:
        raise EchoCancellationMissing(f"{error.name or 'livekit'} is missing ({INSTALL})") from error
    except Exception as error:  # a library that is not for this system, or too new for the rest of the environment
        raise EchoCancellationMissing(f"livekit can't be loaded: {' '.join(str(error).split())}") from error
