"""WAV files that take the place of microphone and speaker."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from utils.audio.sinc_resampler import resample_whole
from utils.audio.wire import encode, to_pcm
from utils.client.devices.wav_files import WavWriter, read_wav

BLOCK_S = 0.032  # the length of one step of silero-vad
SILENCE_S = 1.0  # sent after the file, so that the server hears that the user is done

Wait = Callable[[threading.Event, float], bool]


class FileSource:
    """Sends a WAV file in real time, as a microphone would, and then a second of silence.

    rate: the rate at which it is sent, Hz. wait(event, seconds): waits, and returns whether the event was set. The
    constructor raises WavError and OSError.
    """

    heard = False
    level = -math.inf

    def __init__(
        self,
        path: str | Path,
        rate: int,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = threading.Event.wait,
    ) -> None:
        audio = resample_whole(*read_wav(path), rate)
        silence = np.zeros(round(SILENCE_S * rate), dtype=np.float32)
        self._pcm = to_pcm(np.concatenate([audio, silence]))
        self._rate = rate
        self._clock = clock
        self._wait = wait

    def blocks(self, stopping: threading.Event) -> Iterator[bytes]:
        """Each block, at the time at which its last sample would have been spoken. Each call starts the file anew."""
        size = round(BLOCK_S * self._rate)
        started = self._clock()
        for start in range(0, len(self._pcm), size):
            block = self._pcm[start : start + size]
            due = started + (start + len(block)) / self._rate
            if self._wait(stopping, max(0.0, due - self._clock())):
                return
            yield encode(block)


class FileSink:
    """Writes the reply to a WAV file and plays nothing. rate: the file's rate, Hz."""

    playing = False

    def __init__(self, path: str | Path, rate: int) -> None:
        self._file = WavWriter(path, rate)

    def wait_for_room(self, timeout_s: float) -> bool:
        return True

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def pause(self) -> None:
        pass

    def finish(self) -> None:
        pass

    def close(self) -> None:
        """Close the file."""
        self._file.close()
