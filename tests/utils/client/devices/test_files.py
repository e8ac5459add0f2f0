"""A file speaks like a microphone: at its pace, with a second of silence after it."""

from __future__ import annotations

import threading
import wave

import numpy as np
import pytest

from utils.client.devices.files import FileSink, FileSource
from utils.client.errors import WavError


class FakeTime:
    """Time that passes only while somebody waits. late: by how much every wait takes longer than asked."""

    def __init__(self, late: float = 0.0) -> None:
        self.now = 50.0
        self.late = late

    def clock(self) -> float:
        return self.now

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.now += seconds + (self.late if seconds else 0.0)
        return event.is_set()


def write_question(path, rate: int, samples: np.ndarray, channels: int = 1) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(samples.astype("<i2"), channels).tobytes())


@pytest.mark.parametrize("rate", [16_000, 8_000])
@pytest.mark.parametrize("late", [0.0, 0.005, 0.05])
def test_a_file_is_sent_in_real_time_by_an_absolute_clock(tmp_path, rate, late):
    samples = np.arange(-5_000, 5_000)
    write_question(tmp_path / "q.wav", rate, samples)
    time = FakeTime(late)
    source = FileSource(tmp_path / "q.wav", rate, time.clock, time.wait)
    sent = b""
    for block in source.blocks(threading.Event()):
        sent += block
        behind = time.now - 50.0 - len(sent) / 2 / rate
        assert -1e-9 < behind < late + 0.032 + 1e-9  # being late does not add up
    assert sent == samples.astype("<i2").tobytes() + bytes(2 * rate)


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (22_050, 1), (8_000, 1)])
def test_any_file_is_sent_at_the_wire_rate(tmp_path, rate, channels):
    wave_at = lambda hertz: 10_000 * np.sin(2 * np.pi * 300 * np.arange(hertz // 2) / hertz)  # noqa: E731
    write_question(tmp_path / "q.wav", rate, wave_at(rate), channels)
    time = FakeTime()
    blocks = FileSource(tmp_path / "q.wav", 16_000, time.clock, time.wait).blocks(threading.Event())
    sent = np.frombuffer(b"".join(blocks), dtype="<i2")
    assert len(sent) == 8_000 + 16_000
    assert np.abs(sent[200:7_800] - wave_at(16_000)[200:7_800]).max() < 10


def test_it_ends_soon_when_asked_to_and_can_begin_again(tmp_path):
    write_question(tmp_path / "q.wav", 16_000, np.ones(16_000))
    time, stopping = FakeTime(), threading.Event()
    source = FileSource(tmp_path / "q.wav", 16_000, time.clock, time.wait)
    blocks = source.blocks(stopping)
    first = next(blocks)
    stopping.set()
    assert list(blocks) == []
    assert next(source.blocks(threading.Event())) == first


def test_a_file_makes_no_noise():
    assert not FileSource.heard
    assert not FileSink.playing


def test_a_missing_or_foreign_file_is_an_error_at_once(tmp_path):
    with pytest.raises(FileNotFoundError):
        FileSource(tmp_path / "none.wav", 16_000)
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(WavError):
        FileSource(tmp_path / "text.wav", 16_000)


def test_the_reply_is_written(tmp_path):
    sink = FileSink(tmp_path / "r.wav", 44_100)
    assert sink.wait_for_room(0)
    sink.write(b"\x01\x02\x03\x04")
    sink.pause()
    sink.finish()
    sink.close()
    with wave.open(str(tmp_path / "r.wav"), "rb") as file:
        assert (file.getframerate(), file.readframes(9)) == (44_100, b"\x01\x02\x03\x04")
