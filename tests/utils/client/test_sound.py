"""The sound library's thread: devices opened anew, and one that hangs left behind when a stop is asked for."""

from __future__ import annotations

import threading

import pytest

from arguments.client_arguments import ClientArguments
from tests.fakes_client import FakeStop
from tests.fakes_sounddevice import FakeDevice, FakeSoundDevice
from utils.client.errors import SoundError
from utils.client.sound import ANSWER_S, STOP_S, Sound
from utils.system.stop_signals import Stopped

HEADSET = FakeDevice("Headset", inputs=1, outputs=2)


class Clock:
    """Moves a second with each look."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def stop():
    made = FakeStop()
    yield made
    made.close()


def test_devices_are_opened_and_closed_in_the_library_s_thread(stop):
    threads = set()

    def load() -> FakeSoundDevice:
        threads.add(threading.current_thread().name)
        return library

    library = FakeSoundDevice(HEADSET)
    sound = Sound(ClientArguments(), stop, True, load)
    with sound.opened() as ends:
        assert [str(device) for device in ends.devices] == ["microphone: Headset", "speaker: Headset"]
        assert all(stream.active for stream in library.streams)
    assert all(stream.closed for stream in library.streams)
    assert threads == {"engine-sound"}
    sound.close()
    assert not sound.hung


def test_a_device_that_is_back_is_found(stop):
    library = FakeSoundDevice(HEADSET)
    sound = Sound(ClientArguments(), stop, True, lambda: library)
    with sound.opened():
        library.unplug()
    with pytest.raises(SoundError, match="there is no speaker"), sound.opened():
        pass
    library.plug(FakeDevice("Other", inputs=1, outputs=1))
    with sound.opened() as ends:
        assert [str(device) for device in ends.devices] == ["microphone: Other", "speaker: Other"]
    sound.close()


def test_a_device_chosen_by_number_is_the_same_when_numbers_change(stop):
    built_in, usb = FakeDevice("Built-in", inputs=1, outputs=2), FakeDevice("USB", inputs=1)
    library = FakeSoundDevice(built_in, FakeDevice("HDMI", outputs=2), usb)
    sound = Sound(ClientArguments(input_device="2"), stop, True, lambda: library)
    with sound.opened():
        library.plug(built_in, usb, FakeDevice("Webcam", inputs=1))
    with sound.opened() as ends:
        assert [str(device) for device in ends.devices] == ["microphone: USB", "speaker: Built-in"]
    sound.close()


def test_no_microphone_leaves_no_stream_open(stop):
    library = FakeSoundDevice(FakeDevice("Out", outputs=1), default=(-1, 0))
    sound = Sound(ClientArguments(), stop, True, lambda: library)
    with pytest.raises(SoundError, match="there is no microphone"), sound.opened():
        pass
    assert [stream.closed for stream in library.streams] == [True]
    sound.close()


def test_devices_are_listed(stop):
    sound = Sound(ClientArguments(), stop, True, lambda: FakeSoundDevice(HEADSET))
    assert sound.device_lines() == ["  0  Headset  [microphone (default), speaker (default); 44100 Hz]"]
    sound.close()


def test_a_library_that_hangs_is_left_behind_soon_after_a_stop(stop):
    released = threading.Event()

    def load() -> FakeSoundDevice:
        stop.request()
        assert released.wait(30)
        return FakeSoundDevice(HEADSET)

    clock = Clock()
    sound = Sound(ClientArguments(), stop, True, load, clock)
    with pytest.raises(Stopped), sound.opened():
        pass
    assert sound.hung
    assert clock.now < STOP_S + 5
    sound.close()  # does not wait for it
    released.set()
    sound._thread.close(10)


@pytest.mark.parametrize("worked", [False, True])
def test_a_library_that_hangs_is_an_error_unless_it_is_waited_for(stop, worked):
    """Before it has worked, and with a file also after that."""
    released, clock = threading.Event(), Clock()

    class Hanging(FakeSoundDevice):
        def query_devices(self, *wanted, **kind):
            if not worked:
                assert released.wait(30)
            return super().query_devices(*wanted, **kind)

        def unplug(self):
            self.streams[0].close = lambda ignore_errors: released.wait(30)

    library = Hanging(HEADSET)
    sound = Sound(ClientArguments(), stop, not worked, lambda: library, clock)
    with pytest.raises(SoundError, match="the sound system does not answer"), sound.opened():
        library.unplug()
    assert sound.hung
    assert ANSWER_S < clock.now < ANSWER_S * 3
    released.set()
    sound._thread.close(10)


def test_a_library_that_has_worked_is_waited_for(stop):
    released, clock = threading.Event(), Clock()

    def hang(ignore_errors: bool) -> None:
        while clock.now < 3 * ANSWER_S:
            released.wait(0.001)

    library = FakeSoundDevice(HEADSET)
    sound = Sound(ClientArguments(), stop, True, lambda: library, clock)
    with sound.opened():
        library.streams[0].close = hang
    assert clock.now >= 3 * ANSWER_S
    assert not sound.hung
    sound.close()


def test_after_a_stop_devices_are_closed_all_the_same(stop):
    library = FakeSoundDevice(HEADSET)
    sound = Sound(ClientArguments(), stop, True, lambda: library)
    with sound.opened():
        stop.request()
    assert all(stream.closed for stream in library.streams)
    assert not sound.hung
    sound.close()
