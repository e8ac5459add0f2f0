"""The client's two ends, its source and its sink: the sound card's, or files, as the options say."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from arguments.client_arguments import ClientArguments
from utils.client_audio import Microphone, Speaker, open_stream
from utils.client_conversation import Sink, Source
from utils.client_files import FileSink, FileSource

LoadSound = Callable[[], Any]


@dataclass(frozen=True)
class Ends:
    """Both ends, ready. devices: those of them that are devices."""

    source: Source
    sink: Sink
    devices: tuple[Microphone | Speaker, ...] = ()

    def check(self) -> None:
        """Raises SoundError once a device has gone."""
        for device in self.devices:
            device.check()


def open_ends(options: ClientArguments, opened: contextlib.ExitStack, load_sound: LoadSound) -> Ends:
    """Open what the options name; `opened` closes it again. load_sound: gives the sounddevice module, where needed.

    Raises SoundError, WavError, OSError.
    """
    source = None if options.input is None else FileSource(options.input, options.send_rate)
    sink = None
    if options.output is not None:
        sink = opened.enter_context(contextlib.closing(FileSink(options.output, options.recv_rate)))
    if source is not None and sink is not None:
        return Ends(source, sink)
    sound = load_sound()
    speaker = _open_speaker(options, opened, sound) if sink is None else None
    microphone = _open_microphone(options, opened, sound, speaker) if source is None else None
    devices = tuple(device for device in (microphone, speaker) if device is not None)
    return Ends(source or microphone, sink or speaker, devices)  # type: ignore[arg-type]  # one of each is there


def by_name(options: ClientArguments, ends: Ends) -> ClientArguments:
    """The options with names in the place of the devices' numbers, which change as devices come and go."""
    names = {
        "input_device" if isinstance(device, Microphone) else "output_device": device.name for device in ends.devices
    }
    known: dict[str, Any] = {
        option: name for option, name in names.items() if (getattr(options, option) or "").isdecimal()
    }
    return dataclasses.replace(options, **known)


def _open_speaker(options: ClientArguments, opened: contextlib.ExitStack, sound: Any) -> Speaker:
    stream = open_stream(sound, "output", options.output_device, options.list_play_chunk_size)
    speaker = Speaker(stream, options.recv_rate)
    opened.callback(speaker.stop)
    speaker.start()
    return speaker


def _open_microphone(
    options: ClientArguments, opened: contextlib.ExitStack, sound: Any, speaker: Speaker | None
) -> Microphone:
    stream = open_stream(sound, "input", options.input_device, options.list_play_chunk_size)
    mutes = options.mute_while_playing and speaker is not None
    microphone = Microphone(stream, options.send_rate, lambda: mutes and speaker is not None and speaker.playing)
    opened.callback(microphone.stop)
    microphone.start()
    return microphone
