"""Which end is a file and which is a device, and who is muted."""

from __future__ import annotations

import contextlib
import threading
import wave

import pytest

from arguments.client_arguments import ClientArguments
from tests.fakes_sounddevice import FakeDevice, FakeSoundDevice
from utils.client_audio import Microphone, Speaker
from utils.client_ends import open_ends
from utils.client_errors import SoundError
from utils.client_files import FileSink, FileSource


@pytest.fixture
def question(tmp_path) -> str:
    with wave.open(str(tmp_path / "q.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(3_200))
    return str(tmp_path / "q.wav")


@pytest.fixture
def opened():
    with contextlib.ExitStack() as stack:
        yield stack


def test_two_files_need_no_sound_library(question, tmp_path, opened):
    def load() -> None:
        raise AssertionError("nothing needs it")

    ends = open_ends(ClientArguments(input=question, output=str(tmp_path / "r.wav")), opened, load)
    assert isinstance(ends.source, FileSource)
    assert isinstance(ends.sink, FileSink)
    assert ends.devices == ()
    ends.check()


@pytest.mark.parametrize("has_input", [True, False])
@pytest.mark.parametrize("has_output", [True, False])
def test_each_file_replaces_its_side_only(question, tmp_path, opened, has_input, has_output):
    sound = FakeSoundDevice()
    options = ClientArguments(
        input=question if has_input else None, output=str(tmp_path / "r.wav") if has_output else None
    )
    ends = open_ends(options, opened, lambda: sound)
    assert isinstance(ends.source, FileSource if has_input else Microphone)
    assert isinstance(ends.sink, FileSink if has_output else Speaker)
    assert len(sound.streams) == len(ends.devices) == 2 - has_input - has_output
    assert all(stream.active for stream in sound.streams)
    opened.close()
    assert all(stream.closed for stream in sound.streams)


@pytest.mark.parametrize("mute", [True, False])
def test_the_microphone_is_muted_while_a_reply_plays(opened, mute):
    sound = FakeSoundDevice()
    ends = open_ends(ClientArguments(mute_while_playing=mute, list_play_chunk_size=64), opened, lambda: sound)
    stopping = threading.Event()
    blocks = ends.source.blocks(stopping)
    sound.microphone.capture(b"\x01\x01" * 64)
    assert next(blocks) == b"\x01\x01" * 64
    ends.sink.write(bytes(256))
    sound.microphone.capture(b"\x02\x02" * 64)
    threading.Timer(0.2, stopping.set).start()  # muted, it waits for a block that may be sent
    assert next(blocks, None) == (None if mute else b"\x02\x02" * 64)
    stopping.set()


def test_with_the_reply_in_a_file_nothing_is_muted(tmp_path, opened):
    sound = FakeSoundDevice()
    ends = open_ends(ClientArguments(output=str(tmp_path / "r.wav")), opened, lambda: sound)
    blocks = ends.source.blocks(threading.Event())
    ends.sink.write(bytes(256))
    sound.microphone.capture(b"\x02\x02" * 64)
    assert next(blocks) == b"\x02\x02" * 64


def test_devices_rates_and_block_are_those_of_the_options(opened):
    sound = FakeSoundDevice(FakeDevice("Mic A", inputs=1), FakeDevice("Mic B", inputs=1), FakeDevice("Out", outputs=1))
    options = ClientArguments(
        input_device="b", output_device="2", send_rate=8_000, recv_rate=22_050, list_play_chunk_size=256
    )
    ends = open_ends(options, opened, lambda: sound)
    assert (sound.microphone.device.name, sound.microphone.samplerate, sound.microphone.blocksize) == (
        "Mic B",
        8_000,
        256,
    )
    assert (sound.speaker.device.name, sound.speaker.samplerate, sound.speaker.blocksize) == ("Out", 22_050, 256)
    assert [str(device) for device in ends.devices] == ["microphone: Mic B", "speaker: Out"]


def test_a_device_that_has_gone_is_noticed(opened):
    sound = FakeSoundDevice()
    ends = open_ends(ClientArguments(), opened, lambda: sound)
    ends.check()
    sound.microphone.active = False
    with pytest.raises(SoundError, match="the microphone 'Fake headset' has gone"):
        ends.check()


def test_no_microphone_leaves_no_stream_open(opened):
    sound = FakeSoundDevice(FakeDevice("Out", outputs=1), default=(-1, 0))
    with pytest.raises(SoundError, match="there is no microphone"):
        open_ends(ClientArguments(), opened, lambda: sound)
    opened.close()
    assert all(stream.closed for stream in sound.streams)
