"""Devices are found by number or name, and what is missing is said in one line."""

from __future__ import annotations

import contextlib
import os
import sys
from types import ModuleType

import pytest

from tests.fakes_sounddevice import FakeDevice, FakeSoundDevice
from utils.client.devices.listing import (
    device_lines,
    find_device,
    load_sounddevice,
    look_again,
    one_line,
    quiet_libraries,
)
from utils.client.errors import SoundError

DEVICES = (
    FakeDevice("Built-in Microphone", inputs=1, hostapi=1),
    FakeDevice("Built-in Speakers", outputs=2, hostapi=1),
    FakeDevice("USB Headset", inputs=1, outputs=2, hostapi=1),
    FakeDevice("USB Headset", inputs=1, outputs=2, hostapi=0, rate=48_000),
    FakeDevice("USB", outputs=2, hostapi=1),
)


@pytest.mark.parametrize(
    ("kind", "wanted", "found"),
    [
        ("input", None, 0),
        ("output", None, 1),
        ("input", "2", 2),
        ("output", "speak", 1),
        ("output", "built", 1),
        ("input", "built", 0),
        ("input", "usb headset", 3),  # the default sound system's
        ("output", "USB", 4),  # the exact name
    ],
)
def test_a_device_is_found(kind, wanted, found):
    assert find_device(FakeSoundDevice(*DEVICES, default=(0, 1)), kind, wanted) == found


@pytest.mark.parametrize(("kind", "wanted"), [("input", "1"), ("output", "0"), ("input", "99"), ("input", "piano")])
def test_a_device_that_is_not_there_is_named(kind, wanted):
    with pytest.raises(SoundError, match=rf"no (microphone|speaker) matches '{wanted}'"):
        find_device(FakeSoundDevice(*DEVICES), kind, wanted)


@pytest.mark.parametrize(("kind", "called"), [("input", "microphone"), ("output", "speaker")])
def test_no_default_device(kind, called):
    with pytest.raises(SoundError, match=f"there is no {called}"):
        find_device(FakeSoundDevice(*DEVICES, default=(-1, -1)), kind, None)


def test_devices_are_listed_with_what_they_are_for():
    lines = device_lines(FakeSoundDevice(*DEVICES, default=(0, 1)))
    assert len(lines) == len(DEVICES)
    assert lines[0] == "  0  Built-in Microphone  [microphone (default); 44100 Hz]"
    assert lines[1] == "  1  Built-in Speakers  [speaker (default); 44100 Hz]"
    assert lines[3] == "  3  USB Headset  [microphone, speaker; 48000 Hz]"


def test_no_devices_at_all():
    sound = FakeSoundDevice(default=(-1, -1))
    sound.devices = ()
    assert device_lines(sound) == ["there are no sound devices"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise OSError('PortAudio library not found')", "apt install libportaudio2"),
        ("raise OSError('PortAudio library not found')", "brew install portaudio"),
        ("raise ImportError('No module named sounddevice')", "pip install -r requirements-client.txt"),
        ("raise Exception('Error initializing PortAudio:\\n host error')", "PortAudio can't start: Error initializing"),
    ],
)
def test_what_to_install_is_said(tmp_path, monkeypatch, body, says):
    (tmp_path / "sounddevice.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(SoundError) as error:
        load_sounddevice()
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_the_module_is_returned(monkeypatch):
    module = ModuleType("sounddevice")
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    assert load_sounddevice() is module


def test_devices_that_come_later_are_seen_after_looking_again():
    sound = FakeSoundDevice(FakeDevice("Built-in", inputs=1))
    sound.plug(FakeDevice("Built-in", inputs=1), FakeDevice("USB", inputs=1))
    assert len(device_lines(sound)) == 1
    look_again(sound)
    assert len(device_lines(sound)) == 2


def test_looking_again_works_also_after_it_has_failed():
    sound = FakeSoundDevice()
    sound.refuses_to_initialize = True
    for _ in range(2):
        with pytest.raises(SoundError, match="PortAudio can't start: Error initializing"):
            look_again(sound)
    sound.refuses_to_initialize = False
    look_again(sound)
    assert len(device_lines(sound)) == 1


def test_libraries_are_quiet_and_we_are_not(capfd):
    with contextlib.suppress(KeyError), quiet_libraries():
        os.write(2, b"ALSA lib pcm.c:2664: Unknown PCM cards.pcm.rear\n")
        print("ours, meanwhile", file=sys.stderr)
        raise KeyError
    os.write(2, b"ours, then\n")
    assert capfd.readouterr().err == "ours, meanwhile\nours, then\n"


def test_without_stderr_there_is_nothing_to_keep_quiet(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with quiet_libraries():
        assert sys.stderr is None


@pytest.mark.parametrize(("error", "text"), [(ValueError("a\n  b"), "a b"), (ValueError(), "ValueError")])
def test_an_error_becomes_one_line(error, text):
    assert one_line(error) == text
