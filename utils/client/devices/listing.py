"""Loads the sound library, lists its devices, and finds a device by its number or its name."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, Literal

from utils.client.errors import SoundError

Kind = Literal["input", "output"]
CALLED: dict[Kind, str] = {"input": "microphone", "output": "speaker"}

INSTALL_PORTAUDIO = (
    "the PortAudio library is missing: apt install libportaudio2 (Debian, Ubuntu), "
    "brew install portaudio (macOS), or pip install --force-reinstall sounddevice (Windows)"
)
INSTALL_SOUNDDEVICE = "sounddevice is missing: pip install -r requirements-client.txt"


def load_sounddevice() -> Any:
    """Import the sounddevice module. Raises SoundError, which says what to install."""
    try:
        import sounddevice
    except ImportError as error:
        raise SoundError(INSTALL_SOUNDDEVICE) from error
    except OSError as error:
        raise SoundError(INSTALL_PORTAUDIO) from error
    except Exception as error:  # PortAudio's own, whose class can't be named before the module is loaded
        raise SoundError(f"PortAudio can't start: {one_line(error)}") from error
    return sounddevice


def look_again(sound: Any) -> None:
    """Start PortAudio anew: it only lists the devices when it starts. No stream may be open. Raises SoundError."""
    with contextlib.suppress(sound.PortAudioError):  # it did not start the last time
        sound._terminate()
    try:
        sound._initialize()
    except sound.PortAudioError as error:
        raise SoundError(f"PortAudio can't start: {one_line(error)}") from error


def find_device(sound: Any, kind: Kind, wanted: str | None) -> int:
    """The number of a device. wanted: its number, a part of its name in any case, or None for the system's default.

    If several devices match, an exact name wins, then a device of the default sound system. Raises SoundError.
    """
    if wanted is None:
        return _default_device(sound, kind)
    devices = [device for device in sound.query_devices() if device[f"max_{kind}_channels"] > 0]
    if wanted.isdecimal():
        matches = [device for device in devices if device["index"] == int(wanted)]
    else:
        matches = [device for device in devices if wanted.lower() in device["name"].lower()]
    if not matches:
        raise SoundError(f"no {CALLED[kind]} matches {wanted!r}: --list_devices shows them")
    main = sound.default.hostapi
    return min(matches, key=lambda device: (device["name"] != wanted, device["hostapi"] != main))["index"]


def device_lines(sound: Any) -> list[str]:
    """One line for each device: its number, its name and what it can do."""
    lines = []
    defaults = {kind: _default_or_none(sound, kind) for kind in CALLED}
    for device in sound.query_devices():
        uses = [
            f"{CALLED[kind]}{' (default)' if defaults[kind] == device['index'] else ''}"
            for kind in CALLED
            if device[f"max_{kind}_channels"] > 0
        ]
        rate = int(device["default_samplerate"])
        lines.append(f"{device['index']:3d}  {device['name']}  [{', '.join(uses)}; {rate} Hz]")
    return lines or ["there are no sound devices"]


def one_line(error: BaseException) -> str:
    """The text of an error, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence PortAudio and the libraries below it, which write pages to stderr from threads of their own.

    Python's `sys.stderr` still works.
    """
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, AttributeError):  # there is no stderr
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    with open(saved, "w", encoding="utf-8", errors="backslashreplace", buffering=1) as ours:
        try:
            with contextlib.redirect_stderr(ours):
                yield
        finally:
            ours.flush()
            os.dup2(saved, 2)


def _default_device(sound: Any, kind: Kind) -> int:
    try:
        return int(sound.query_devices(kind=kind)["index"])
    except (sound.PortAudioError, ValueError) as error:
        raise SoundError(f"there is no {CALLED[kind]}: --list_devices shows what is there") from error


def _default_or_none(sound: Any, kind: Kind) -> int | None:
    try:
        return _default_device(sound, kind)
    except SoundError:
        return None
