"""The client's microphone and speaker, through sounddevice.

The sound card can't wait for its callbacks, so they only move bytes. Everything else happens in the threads of a
conversation. A device that refuses the wire's sample rate runs at its own, and the audio is resampled here.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from utils.audio.samples import FloatAudio
from utils.audio.sinc_resampler import SincResampler
from utils.audio.wire import FULL_SCALE, encode, to_pcm
from utils.client.devices.capture_buffer import CaptureBuffer
from utils.client.devices.listing import CALLED, Kind, find_device, one_line
from utils.client.devices.playback_buffer import SAMPLE_BYTES, PlaybackBuffer
from utils.client.echo.cancellation import EchoCancellation
from utils.client.echo.sound_blocks import SoundBlock
from utils.client.errors import SoundError

MOST_PLAYBACK_S = 300  # how much of a reply is kept, if a server sends faster than it plays; then its socket waits
MOST_CAPTURE_S = 10.0  # how much is kept while the network stalls; then the oldest words are lost
ECHO_TAIL_S = 0.2  # how long the room still sounds after the last sample
LAST_S = 0.15  # if less than this is left and nothing comes, the reply has ended
SPEECH_DBFS = -45.0  # from this level on the status line shows that somebody speaks
SPEECH_HOLD_S = 0.6  # for this time after a word it still shows that
COMMON_RATES = (48_000, 44_100)  # tried last, since every sound card knows one of them
MOST_SILENT_S = 5.0  # a device that has not called for this time, and for four blocks, has gone
MOST_DELAY_S = 2.0  # from a callback to the loudspeaker; a sound system that reports more is wrong
TICK_S = 0.1
STEREO = 2

Clock = Callable[[], float]


class AudioStream:
    """A stream of 16-bit mono samples to or from the sound card. Call `open`, then `start`, then `stop`.

    After `open` it has these attributes. rate: of the device, Hz. channels: of the device, 1 where that can be.
    latency_s: seconds between a callback and the moment at which its samples can be heard.
    """

    def __init__(self, sound: Any, kind: Kind, device: int, block: int, clock: Clock = time.monotonic) -> None:
        self._sound = sound
        self._kind = kind
        self._device = device
        self._clock = clock
        self._moved = 0  # samples so far
        self.block = block
        self.channels = 1
        self.name = str(sound.query_devices(device)["name"])

    def open(self, rate: int, callback: Callable[..., None]) -> None:
        """Open it at `rate` (Hz) or its own rate, with one channel or as many as it wants. Raises SoundError."""
        make = self._sound.RawInputStream if self._kind == "input" else self._sound.RawOutputStream
        about = self._sound.query_devices(self._device)
        most = int(about[f"max_{self._kind}_channels"])
        rates = dict.fromkeys((rate, int(about["default_samplerate"]), *COMMON_RATES))
        channels = dict.fromkeys((1, *(count for count in (STEREO, most) if 1 < count <= most)))
        refusal: Exception | None = None
        for candidate, count in itertools.product(rates, channels):
            try:
                self._stream = make(
                    samplerate=candidate, blocksize=self.block, device=self._device,
                    channels=count, dtype="int16", callback=self._noting(callback),
                )  # fmt: skip
            except (self._sound.PortAudioError, ValueError) as error:
                refusal = refusal or error
                continue
            self.rate, self.channels = candidate, count
            self.latency_s = float(self._stream.latency)
            return
        assert refusal is not None
        raise SoundError(f"the {CALLED[self._kind]} {self.name!r} can't be opened: {one_line(refusal)}") from refusal

    def start(self) -> None:
        """Raises SoundError."""
        self._called_at = self._clock()
        try:
            self._stream.start()
        except self._sound.PortAudioError as error:
            raise SoundError(f"the {CALLED[self._kind]} {self.name!r} can't start: {one_line(error)}") from error

    def mixed(self, data: Any) -> bytes:
        """One channel of all that a callback brings: their mean."""
        if self.channels == 1:
            return bytes(data)
        frames = np.frombuffer(data, dtype="<i2").reshape(-1, self.channels)
        return frames.mean(axis=1).astype("<i2").tobytes()

    def spread(self, out: Any, mono: bytes | bytearray) -> None:
        """Give a callback's buffer these samples, the same on each channel."""
        memoryview(out).cast("B")[:] = np.repeat(np.frombuffer(mono, dtype="<i2"), self.channels).tobytes()

    def sound_block(self, data: bytes, when: Any) -> SoundBlock:
        """The mono samples that a callback moves. Each callback calls it once. when: PortAudio's times."""
        block = SoundBlock(data, self.rate, self._moved, self._called_at, self._delay_s(when))
        self._moved = block.end
        return block

    def _delay_s(self, when: Any) -> float:
        """Seconds between this callback and the sound, as PortAudio reports them, or else as at the opening."""
        if self._kind == "output":
            delay = when.outputBufferDacTime - when.currentTime
        else:
            delay = when.currentTime - when.inputBufferAdcTime - self.block / self.rate
        reported = when.currentTime > 0 and abs(delay) < MOST_DELAY_S
        return max(0.0, delay) if reported else self.latency_s

    def stop(self) -> None:
        """Stop at once. What is left is not played."""
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)

    def __str__(self) -> str:
        return f"{CALLED[self._kind]}: {self.name}"

    def check(self) -> None:
        """Raises SoundError once the device has gone: some systems end its stream, others only fall silent."""
        if not self._active() or self._clock() - self._called_at > MOST_SILENT_S + 4 * self.block / self.rate:
            raise SoundError(f"the {CALLED[self._kind]} {self.name!r} has gone")

    def _active(self) -> bool:
        try:
            return bool(self._stream.active)
        except self._sound.PortAudioError:
            return False

    def _noting(self, callback: Callable[..., None]) -> Callable[..., None]:
        """The same callback; when the device last called it is known."""

        def called(*arguments: Any) -> None:
            self._called_at = self._clock()
            callback(*arguments)

        return called


class Speaker:
    """A sink that plays. rate: the rate of what is written, Hz. echo: takes a copy of what is played."""

    def __init__(
        self, stream: AudioStream, rate: int, clock: Clock = time.monotonic, echo: EchoCancellation | None = None
    ) -> None:
        self._stream = stream
        self._echo = echo
        self._clock = clock
        self.name = stream.name
        self._last_played = -math.inf
        stream.open(rate, self._callback)
        self._resampler = None if stream.rate == rate else SincResampler(rate, stream.rate)
        self._buffer = PlaybackBuffer(MOST_PLAYBACK_S * stream.rate * SAMPLE_BYTES)

    @property
    def playing(self) -> bool:
        """True from the arrival of a reply's first sample until the room is quiet after its last one."""
        quiet_after = self._stream.latency_s + ECHO_TAIL_S
        return len(self._buffer) >= SAMPLE_BYTES or self._clock() - self._last_played < quiet_after

    def __str__(self) -> str:
        return str(self._stream)

    def start(self) -> None:
        """Begin to play. It plays silence until a reply comes. Raises SoundError."""
        self._stream.start()

    def stop(self) -> None:
        """At once."""
        self._stream.stop()

    def check(self) -> None:
        """Raises SoundError once the device has gone."""
        self._stream.check()

    def wait_for_room(self, timeout_s: float) -> bool:
        return self._buffer.wait_for_room(timeout_s)

    def write(self, data: bytes) -> None:
        if self._resampler is not None:
            data = _to_bytes(self._resampler.feed(_from_bytes(data)))
        self._buffer.append(data)

    def pause(self) -> None:
        if len(self._buffer) < LAST_S * self._stream.rate * SAMPLE_BYTES:
            self.finish()

    def finish(self) -> None:
        if self._resampler is not None:
            self._buffer.append(_to_bytes(self._resampler.flush()))

    def _callback(self, outdata: Any, frames: int, when: Any, status: Any) -> None:
        mono = bytearray(frames * SAMPLE_BYTES)
        if self._buffer.read_into(mono):
            self._last_played = self._clock()
        self._stream.spread(outdata, mono)
        if self._echo is not None:
            self._echo.played(self._stream.sound_block(bytes(mono), when))


class Microphone:
    """A source that listens. rate: the rate of what is sent, Hz. muted: says for each block whether it is left out.

    echo: removes the sound of the speaker from what is heard.
    """

    def __init__(
        self,
        stream: AudioStream,
        rate: int,
        muted: Callable[[], bool] = lambda: False,
        clock: Clock = time.monotonic,
        echo: EchoCancellation | None = None,
    ) -> None:
        self._stream = stream
        self._muted = muted
        self._echo = echo
        self._clock = clock
        self.name = stream.name
        self._level = -math.inf
        self._spoke = -math.inf
        stream.open(rate if echo is None else echo.rate, self._callback)
        heard_rate = stream.rate if echo is None else echo.rate
        self._resampler = None if heard_rate == rate else SincResampler(heard_rate, rate)
        self._captured: CaptureBuffer[SoundBlock] = CaptureBuffer(
            math.ceil(MOST_CAPTURE_S * stream.rate / stream.block)
        )

    @property
    def heard(self) -> bool:
        return self._clock() - self._spoke < SPEECH_HOLD_S

    @property
    def level(self) -> float:
        return self._level

    def __str__(self) -> str:
        return str(self._stream)

    def start(self) -> None:
        """Begin to capture. Raises SoundError."""
        self._stream.start()

    def stop(self) -> None:
        """At once."""
        self._stream.stop()

    def check(self) -> None:
        """Raises SoundError once the device has gone."""
        self._stream.check()

    def blocks(self, stopping: threading.Event) -> Iterator[bytes]:
        """Blocks from this call on. Sound that was captured before, without a connection, is dropped."""
        self._captured.clear()
        if self._resampler is not None:
            self._resampler.flush()
        return self._blocks(stopping)

    def _blocks(self, stopping: threading.Event) -> Iterator[bytes]:
        while not stopping.is_set():
            block = self._captured.get(TICK_S)
            if block is None:
                continue
            samples = block.samples if self._echo is None else self._echo.cancel(block)
            if self._muted():
                self._level = self._spoke = -math.inf
                continue
            self._measure(samples)
            if self._resampler is not None:
                samples = self._resampler.feed(samples)
            if len(samples):
                yield _to_bytes(samples)

    def _measure(self, samples: FloatAudio) -> None:
        power = float(np.mean(np.square(samples))) if len(samples) else 0.0
        self._level = 10 * math.log10(power) if power > 0 else -math.inf
        if self._level > SPEECH_DBFS:
            self._spoke = self._clock()

    def _callback(self, indata: Any, frames: int, when: Any, status: Any) -> None:
        self._captured.put(self._stream.sound_block(self._stream.mixed(indata), when))


def open_stream(sound: Any, kind: Kind, wanted: str | None, block: int) -> AudioStream:
    """The stream of the device that `wanted` names, not open yet. Raises SoundError."""
    return AudioStream(sound, kind, find_device(sound, kind, wanted), block)


def _from_bytes(data: bytes) -> FloatAudio:
    return np.frombuffer(data, dtype="<i2").astype(np.float32) / np.float32(FULL_SCALE)


def _to_bytes(audio: FloatAudio) -> bytes:
    return encode(to_pcm(audio))
