"""A sounddevice module without a sound card: devices that refuse sample rates, streams whose callbacks a test drives.

As with the real one: a callback runs only between start and stop, gets a buffer that holds whatever was there before,
and one that raises stops its stream; devices that are plugged in later are seen after `_terminate` and `_initialize`.
With `clocked=True` each stream has a thread that calls at the device's pace, for
tests of a whole process: its microphone hears silence.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

BYTES = 2
GARBAGE = 0xA5


class PortAudioError(Exception):
    """sounddevice.PortAudioError."""


@dataclass
class FakeDevice:
    """rates: those it can be opened at, None for any. least_channels: it refuses fewer."""

    name: str
    inputs: int = 0
    outputs: int = 0
    rate: float = 44_100.0
    rates: tuple[int, ...] | None = None
    hostapi: int = 0
    refuses_to_start: bool = False
    reports_times: bool = True
    least_channels: int = 1


@dataclass
class FakeStream:
    """A raw stream. played: what its callback gave, for an output."""

    device: FakeDevice
    samplerate: int
    blocksize: int
    callback: Callable[..., None]
    clocked: bool
    is_input: bool
    channels: int = 1
    latency: float = 0.05
    active: bool = False
    closed: bool = False
    played: bytearray = field(default_factory=bytearray)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        if self.device.refuses_to_start:
            raise PortAudioError("Error starting stream: Unanticipated host error [PaErrorCode -9999]")
        self.active = True
        if self.clocked:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def abort(self, ignore_errors: bool = True) -> None:
        self.active = False
        if self._thread is not None:
            self._thread.join()

    def close(self, ignore_errors: bool = True) -> None:
        self.abort()
        self.closed = True

    def capture(self, data: bytes) -> None:
        """The microphone hears this."""
        buffer = bytearray(data)
        self._call(buffer)
        buffer[:] = bytes([GARBAGE]) * len(buffer)  # the sound card uses it again: who kept it kept nothing

    def play(self, frames: int | None = None) -> bytes:
        """The speaker takes so many frames, of all channels."""
        buffer = bytearray([GARBAGE]) * ((self.blocksize if frames is None else frames) * BYTES * self.channels)
        self._call(buffer)
        self.played += buffer
        return bytes(buffer)

    def _call(self, buffer: bytearray) -> None:
        if not self.active:
            return
        try:
            frames = len(buffer) // BYTES // self.channels
            self.callback(memoryview(buffer), frames, self._times(frames), SimpleNamespace())
        except BaseException:
            self.active = False
            raise

    def _times(self, frames: int) -> SimpleNamespace:
        """PortAudio's: all zero where the device reports none."""
        if not self.device.reports_times:
            return SimpleNamespace(currentTime=0.0, inputBufferAdcTime=0.0, outputBufferDacTime=0.0)
        now = time.monotonic()
        captured = now - frames / self.samplerate - self.latency
        return SimpleNamespace(currentTime=now, inputBufferAdcTime=captured, outputBufferDacTime=now + self.latency)

    def _run(self) -> None:
        due = time.monotonic()
        while self.active:
            due += self.blocksize / self.samplerate
            time.sleep(max(0.0, due - time.monotonic()))
            if self.is_input:
                self.capture(bytes(self.blocksize * BYTES * self.channels))
            else:
                self.play()


class FakeSoundDevice:
    """Stands where the module `sounddevice` would. streams: every stream that was opened, in order."""

    PortAudioError = PortAudioError

    def __init__(self, *devices: FakeDevice, default: tuple[int, int] = (0, 0), clocked: bool = False) -> None:
        self.devices = devices or (FakeDevice("Fake headset", inputs=1, outputs=2),)
        self.default = SimpleNamespace(hostapi=0, device=default)
        self.clocked = clocked
        self.streams: list[FakeStream] = []
        self.initialized = True
        self.refuses_to_initialize = False
        self._plugged = self.devices

    def unplug(self) -> None:
        """All devices are gone: their streams end."""
        self._plugged = ()
        for stream in self.streams:
            stream.active = False

    def plug(self, *devices: FakeDevice) -> None:
        """These devices are there now."""
        self._plugged = devices

    def _terminate(self) -> None:
        assert all(stream.closed for stream in self.streams), "PortAudio would close it, and its owner again"
        if not self.initialized:
            raise PortAudioError("Error terminating PortAudio: PortAudio not initialized [PaErrorCode -10000]")
        self.initialized = False

    def _initialize(self) -> None:
        if self.refuses_to_initialize:
            raise PortAudioError("Error initializing PortAudio: Unanticipated host error [PaErrorCode -9999]")
        self.initialized = True
        self.devices = self._plugged

    def query_devices(self, device: int | None = None, kind: str | None = None):
        if device is None and kind is None:
            return [self._info(index) for index in range(len(self.devices))]
        if device is None:
            device = self.default.device[("input", "output").index(kind)]
        if not 0 <= device < len(self.devices):
            raise PortAudioError(f"Error querying device {device}")
        return self._info(device)

    def RawInputStream(self, **options) -> FakeStream:
        return self._open(True, **options)

    def RawOutputStream(self, **options) -> FakeStream:
        return self._open(False, **options)

    @property
    def microphone(self) -> FakeStream:
        return next(stream for stream in self.streams if stream.is_input)

    @property
    def speaker(self) -> FakeStream:
        return next(stream for stream in self.streams if not stream.is_input)

    def _open(self, is_input, *, samplerate, blocksize, device, channels, dtype, callback) -> FakeStream:
        chosen = self.devices[device]
        if dtype != "int16":
            raise ValueError(f"this fake plays 16-bit samples, not {dtype}")
        if channels < chosen.least_channels or channels > (chosen.inputs if is_input else chosen.outputs):
            raise PortAudioError("Error opening stream: Invalid number of channels [PaErrorCode -9998]")
        if chosen.rates is not None and samplerate not in chosen.rates:
            raise PortAudioError("Error opening stream: Invalid sample rate [PaErrorCode -9997]")
        stream = FakeStream(chosen, samplerate, blocksize, callback, self.clocked, is_input, channels)
        self.streams.append(stream)
        return stream

    def _info(self, index: int) -> dict[str, object]:
        device = self.devices[index]
        return {
            "index": index,
            "name": device.name,
            "hostapi": device.hostapi,
            "max_input_channels": device.inputs,
            "max_output_channels": device.outputs,
            "default_samplerate": device.rate,
        }
