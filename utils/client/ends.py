"""Opens the client's two ends, its source and its sink. Each is a device of the sound card or a file."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from arguments.client_arguments import ClientArguments
from utils.client.conversation import Sink, Source
from utils.client.devices.files import FileSink, FileSource
from utils.client.devices.streams import Microphone, Speaker, open_stream
from utils.client.echo.cancellation import Canceller, EchoCancellation
from utils.client.echo.webrtc import load_canceller
from utils.client.errors import EchoCancellationMissing

LoadSound = Callable[[], Any]
LoadCanceller = Callable[[], Canceller]


@dataclass(frozen=True)
class Ends:
    """Both ends, open and running."""

    source: Source
    """Where the user's voice comes from."""

    sink: Sink
    """Where the reply goes."""

    devices: tuple[Microphone | Speaker, ...] = ()
    """Those of the two that are devices and not files."""

    remarks: tuple[str, ...] = ()
    """Lines that the user should read."""

    @property
    def notices(self) -> list[str]:
        """One line for each device and each remark."""
        return [*map(str, self.devices), *self.remarks]

    def check(self) -> None:
        """Check the devices. Raises SoundError if one has gone."""
        for device in self.devices:
            device.check()


@dataclass(frozen=True)
class EchoPlan:
    """What is done about the assistant's voice in the microphone."""

    cancellation: EchoCancellation | None = None
    """Removes the voice. None: nothing does."""

    mutes: bool = False
    """Whether the microphone is muted while a reply plays."""

    remark: str | None = None
    """A line that the user should read, if there is one."""


def open_ends(
    options: ClientArguments,
    opened: contextlib.ExitStack,
    load_sound: LoadSound,
    load_canceller: LoadCanceller = load_canceller,
) -> Ends:
    """Open the ends that the options name.

    opened: closes them again. load_sound: gives the sounddevice module; it is only called if a device is needed.
    Raises SoundError, EchoCancellationMissing, WavError, OSError.
    """
    source = None if options.input is None else FileSource(options.input, options.send_rate)
    sink = None
    if options.output is not None:
        sink = opened.enter_context(contextlib.closing(FileSink(options.output, options.recv_rate)))
    if source is not None and sink is not None:
        return Ends(source, sink)
    both = source is None and sink is None
    echo = plan_echo(options, load_canceller) if both else EchoPlan()
    sound = load_sound()
    speaker = _open_speaker(options, opened, sound, echo) if sink is None else None
    microphone = _open_microphone(options, opened, sound, echo, speaker) if source is None else None
    devices = tuple(device for device in (microphone, speaker) if device is not None)
    remarks = () if echo.remark is None else (echo.remark,)
    return Ends(source or microphone, sink or speaker, devices, remarks)  # type: ignore[arg-type]  # one of each is there


def plan_echo(options: ClientArguments, load_canceller: LoadCanceller) -> EchoPlan:
    """What the options ask for and the installation can do. Raises EchoCancellationMissing if `on` is not possible."""
    wanted, mute = options.echo_cancellation, options.mute_while_playing
    if wanted == "off" or (wanted == "auto" and mute):
        return EchoPlan(mutes=bool(mute))
    try:
        return EchoPlan(EchoCancellation(load_canceller()), mutes=bool(mute))
    except EchoCancellationMissing as error:
        if wanted == "on":
            raise EchoCancellationMissing(f"no echo cancellation: {error}") from error
        mutes = mute is not False
        result = "the microphone is muted while a reply plays" if mutes else "the assistant may hear itself"
        return EchoPlan(mutes=mutes, remark=f"no echo cancellation: {error}; {result}")


def by_name(options: ClientArguments, ends: Ends) -> ClientArguments:
    """The options with the devices' names instead of their numbers, which change when devices come and go."""
    names = {
        "input_device" if isinstance(device, Microphone) else "output_device": device.name for device in ends.devices
    }
    known: dict[str, Any] = {
        option: name for option, name in names.items() if (getattr(options, option) or "").isdecimal()
    }
    return dataclasses.replace(options, **known)


def _open_speaker(options: ClientArguments, opened: contextlib.ExitStack, sound: Any, echo: EchoPlan) -> Speaker:
    stream = open_stream(sound, "output", options.output_device, options.list_play_chunk_size)
    speaker = Speaker(stream, options.recv_rate, echo=echo.cancellation)
    opened.callback(speaker.stop)
    speaker.start()
    return speaker


def _open_microphone(
    options: ClientArguments, opened: contextlib.ExitStack, sound: Any, echo: EchoPlan, speaker: Speaker | None
) -> Microphone:
    stream = open_stream(sound, "input", options.input_device, options.list_play_chunk_size)

    def muted() -> bool:
        return echo.mutes and speaker is not None and speaker.playing

    microphone = Microphone(stream, options.send_rate, muted, echo=echo.cancellation)
    opened.callback(microphone.stop)
    microphone.start()
    return microphone
