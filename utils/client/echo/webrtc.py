"""The audio processing of WebRTC, from the livekit package. It is only loaded if an echo is to be cancelled."""

from __future__ import annotations

import logging
from typing import Any

from utils.client.errors import EchoCancellationMissing

RATE = 16_000  # Hz, the rate that the server hears: twice the rate cancels no better and takes twice the time
INSTALL = "pip install -r requirements-client.txt"


class WebRtcCanceller:
    """Cancels the echo, reduces noise, and removes frequencies below speech. rtc: the module `livekit.rtc`.

    It has no gain control. That would raise the rest of the echo together with a quiet voice, and the server hears
    quiet voices anyway.
    """

    rate = RATE

    def __init__(self, rtc: Any) -> None:
        self._rtc = rtc
        self._module = rtc.AudioProcessingModule(
            echo_cancellation=True, noise_suppression=True, high_pass_filter=True, auto_gain_control=False
        )

    def process(self, near: bytes, far: bytes, delay_ms: int) -> bytes:
        """See `Canceller.process`."""
        self._module.process_reverse_stream(self._frame(far))
        self._module.set_stream_delay_ms(delay_ms)
        frame = self._frame(near)
        self._module.process_stream(frame)
        return bytes(frame.data)

    def _frame(self, data: bytes) -> Any:
        return self._rtc.AudioFrame(bytearray(data), RATE, 1, len(data) // 2)


def load_canceller() -> WebRtcCanceller:
    """A new canceller, which has not learned the room yet. Raises EchoCancellationMissing, which says why."""
    silence = logging.getLogger("livekit")
    silence.propagate = False  # its messages are for developers
    silence.addHandler(logging.NullHandler())
    try:
        from livekit import rtc

        return WebRtcCanceller(rtc)
    except ModuleNotFoundError as error:
        raise EchoCancellationMissing(f"{error.name or 'livekit'} is missing ({INSTALL})") from error
    except Exception as error:  # a library that is not for this system, or too new for the rest of the environment
        raise EchoCancellationMissing(f"livekit can't be loaded: {' '.join(str(error).split())}") from error
