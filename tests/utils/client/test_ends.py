"""Which end is a file and which is a device, and who is muted."""

from __future__ import annotations

import contextlib
import threading
import wave

import pytest

from arguments.client_arguments import ClientArguments
from tests.fakes_sounddevice import FakeDevice, FakeSoundDevice
from utils.client.devices.files import FileSink, FileSource
from utils.client.devices.streams import Microphone, Speaker
from utils.client.ends import open_ends, plan_echo
from utils.client.errors import EchoCancellationMissing, SoundError


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
    options = ClientArguments(mute_while_playing=mute, echo_cancellation="off", list_play_chunk_size=64)
    ends = open_ends(options, opened, lambda: sound)
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
        input_device="b", output_device="2", send_rate=8_000, recv_rate=22_050, list_play_chunk_size=256,
        echo_cancellation="off",
    )  # fmt: skip
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


class FakeCanceller:
    """Gives back what was played with each frame, to be seen."""

    rate = 16_000

    def __init__(self) -> None:
        self.frames: list[tuple[bytes, bytes, int]] = []

    def process(self, near: bytes, far: bytes, delay_ms: int) -> bytes:
        self.frames.append((near, far, delay_ms))
        return far


def missing() -> FakeCanceller:
    raise EchoCancellationMissing("livekit is missing")


def never() -> FakeCanceller:
    raise AssertionError("nothing needs it")


MUTED = "no echo cancellation: livekit is missing; the microphone is muted while a reply plays"
HEARD = "no echo cancellation: livekit is missing; the assistant may hear itself"


@pytest.mark.parametrize(
    ("echo", "mute", "load", "cancels", "mutes", "remark"),
    [
        ("auto", None, FakeCanceller, True, False, None),
        ("auto", False, FakeCanceller, True, False, None),
        ("auto", True, never, False, True, None),
        ("auto", None, missing, False, True, MUTED),
        ("auto", False, missing, False, False, HEARD),
        ("on", None, FakeCanceller, True, False, None),
        ("on", True, FakeCanceller, True, True, None),
        ("off", None, never, False, False, None),
        ("off", False, never, False, False, None),
        ("off", True, never, False, True, None),
    ],
)
def test_the_echo_is_cancelled_else_the_microphone_muted(echo, mute, load, cancels, mutes, remark):
    plan = plan_echo(ClientArguments(echo_cancellation=echo, mute_while_playing=mute), load)
    assert (plan.cancellation is not None, plan.mutes, plan.remark) == (cancels, mutes, remark)


@pytest.mark.parametrize("mute", [None, True, False])
def test_who_insists_on_cancelling_is_told_that_it_is_missing(mute):
    with pytest.raises(EchoCancellationMissing, match="no echo cancellation: livekit is missing"):
        plan_echo(ClientArguments(echo_cancellation="on", mute_while_playing=mute), missing)


def test_what_was_cancelled_at_one_rate_is_sent_at_another(opened):
    sound = FakeSoundDevice()
    ends = open_ends(ClientArguments(send_rate=8_000, list_play_chunk_size=1_600), opened, lambda: sound, FakeCanceller)
    assert sound.microphone.samplerate == FakeCanceller.rate
    blocks = ends.source.blocks(threading.Event())
    sound.microphone.capture(bytes(2 * 1_600))
    sound.microphone.capture(bytes(2 * 1_600))
    assert sum(len(next(blocks)) for _ in range(2)) == pytest.approx(2 * 1_600, abs=80)


def test_what_is_missing_is_said_after_the_devices(opened):
    ends = open_ends(ClientArguments(), opened, FakeSoundDevice, missing)
    assert ends.notices == ["microphone: Fake headset", "speaker: Fake headset", MUTED]


@pytest.mark.parametrize("side", ["input", "output"])
def test_with_a_file_there_is_no_echo(question, tmp_path, opened, side):
    file = {"input": question} if side == "input" else {"output": str(tmp_path / "r.wav")}
    ends = open_ends(ClientArguments(**file, echo_cancellation="on"), opened, FakeSoundDevice, never)
    assert ends.remarks == ()


# Blocks of 10 ms: both devices report 50 ms, the block takes 10, and so much less 30 the reference may wait; it is less
# where the test was kept waiting between the callbacks. Of devices without a delay it waits for one block.
RESERVED = (2, 8)


def through(sound, blocks, count: int) -> list[bytes]:
    """What is sent while both devices call back so many times."""
    sent = []
    for _ in range(count):
        sound.speaker.play()
        sound.microphone.capture(b"\x09\x00" * 160)
        sent.append(next(blocks))
    return sent


def test_what_is_played_is_the_reference_of_what_is_captured(opened):
    sound, canceller = FakeSoundDevice(), FakeCanceller()
    options = ClientArguments(recv_rate=16_000, list_play_chunk_size=160)
    ends = open_ends(options, opened, lambda: sound, lambda: canceller)
    blocks = ends.source.blocks(threading.Event())
    played = [bytes([number, 0]) * 160 for number in (1, 2, 3)]
    ends.sink.write(b"".join(played))
    heard = through(sound, blocks, 16)
    reserve = heard.index(played[0])
    assert heard == [bytes(320)] * reserve + played + [bytes(320)] * (13 - reserve)
    assert RESERVED[0] <= reserve <= RESERVED[1]
    assert {near for near, _, _ in canceller.frames} == {b"\x09\x00" * 160}
    assert all(0 <= delay < 100 for _, _, delay in canceller.frames)


def test_devices_that_report_no_times_have_the_latency_of_their_streams(opened):
    sound, canceller = FakeSoundDevice(FakeDevice("Old", 1, 1, reports_times=False)), FakeCanceller()
    options = ClientArguments(recv_rate=16_000, list_play_chunk_size=160)
    ends = open_ends(options, opened, lambda: sound, lambda: canceller)
    ends.sink.write(b"\x01\x00" * 160)
    heard = through(sound, ends.source.blocks(threading.Event()), 16)
    assert RESERVED[0] <= heard.index(b"\x01\x00" * 160) <= RESERVED[1]
