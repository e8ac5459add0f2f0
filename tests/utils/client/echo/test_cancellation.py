"""From the callbacks' blocks to the canceller's frames: in the order of their arrival, whenever they are processed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.client.echo.cancellation import MOST_DELAY_MS, MOST_WAIT_S, TOLD_LESS_MS, EchoCancellation
from utils.client.echo.sound_blocks import SoundBlock

RATE = 16_000


class Recorder:
    """A canceller that leaves everything as it is."""

    rate = RATE

    def __init__(self) -> None:
        self.near, self.far = b"", b""
        self.delays: list[int] = []

    def process(self, near: bytes, far: bytes, delay_ms: int) -> bytes:
        assert len(near) == len(far) == 320
        self.near, self.far = self.near + near, self.far + far
        self.delays.append(delay_ms)
        return near


def block(samples: np.ndarray, start: int, arrived: float, delay_s: float = 0.02, rate: int = RATE) -> SoundBlock:
    return SoundBlock(samples.astype("<i2").tobytes(), rate, start, arrived, delay_s)


def wave(start: int, count: int) -> np.ndarray:
    return np.arange(start, start + count) % 30_000 + 1


@settings(deadline=None)
@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=30))
def test_what_was_captured_leaves_in_whole_frames_and_in_order(sizes):
    canceller, start, out = Recorder(), 0, []
    echo = EchoCancellation(canceller)
    for size in sizes:
        out.append(echo.cancel(block(wave(start, size), start, arrived=(start + size) / RATE)))
        start += size
        assert len(out[-1]) % 160 == 0
    got = np.rint(np.concatenate(out) * 32_768).astype(int)
    assert start - len(got) < 160
    np.testing.assert_array_equal(got, wave(0, len(got)))


def talk(echo: EchoCancellation, blocks: int, late: int) -> None:
    """Both ends in blocks of 10 ms; what was captured is processed `late` blocks after it came."""
    captured = []
    for index in range(blocks):
        echo.played(block(wave(160 * index, 160), 160 * index, arrived=0.01 * index))
        captured.append(block(wave(160 * index, 160), 160 * index, arrived=0.01 * index + 0.005))
        if len(captured) > late:
            echo.cancel(captured.pop(0))
    for waiting in captured:
        echo.cancel(waiting)


@settings(deadline=None, max_examples=20)
@given(late=st.integers(0, 200))
def test_a_thread_that_is_late_changes_nothing(late):
    in_time, behind = Recorder(), Recorder()
    talk(EchoCancellation(in_time), 200, 0)
    talk(EchoCancellation(behind), 200, late)
    assert (in_time.near, in_time.far, in_time.delays) == (behind.near, behind.far, behind.delays)
    assert len(set(in_time.far)) > 100  # and something was played


def test_the_delay_is_that_of_both_devices_and_bounded():
    canceller = Recorder()
    echo = EchoCancellation(canceller)
    for index in range(50):
        echo.played(block(wave(160 * index, 160), 160 * index, arrived=0.01 * index, delay_s=0.27))
        echo.cancel(block(wave(160 * index, 160), 160 * index, arrived=0.01 * index, delay_s=0.03))
    assert canceller.delays[-1] == 270 + 30 + 10 - 150 - TOLD_LESS_MS  # of both devices, and a block, less the reserve
    assert min(canceller.delays) >= 0
    far_away = Recorder()
    echo = EchoCancellation(far_away)
    echo.played(block(wave(0, 160), 0, arrived=0.0, delay_s=3.0))
    echo.cancel(block(wave(0, 160), 0, arrived=0.0))
    assert far_away.delays == [MOST_DELAY_MS]


def test_devices_of_other_rates_are_resampled():
    canceller = Recorder()
    echo = EchoCancellation(canceller)
    tone = 8_000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    for index in range(100):
        part = slice(480 * index, 480 * (index + 1))
        echo.played(block(tone[part], 480 * index, 0.01 * index, rate=48_000))
        echo.cancel(block(tone[part], 480 * index, 0.01 * index, rate=48_000))
    for stream in (canceller.near, canceller.far):
        samples = np.frombuffer(stream, dtype="<i2").astype(float)[3_200:]
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        assert abs(np.argmax(spectrum) * RATE / len(samples) - 440) < 2


def test_what_was_captured_in_pieces_is_not_joined_over_a_gap():
    canceller = Recorder()
    echo = EchoCancellation(canceller)
    echo.cancel(block(np.full(200, 1), 0, arrived=1.0))
    echo.cancel(block(np.full(320, 2), 9_999, arrived=2.0))
    assert np.frombuffer(canceller.near, dtype="<i2").tolist() == [1] * 160 + [2] * 320


def test_what_was_played_in_pieces_is_not_joined_over_a_gap():
    canceller = Recorder()
    echo = EchoCancellation(canceller)
    echo.played(block(np.full(160, 1), 0, arrived=1.0))
    echo.played(block(np.full(160, 2), 9_999, arrived=1.1))
    echo.cancel(block(np.full(160, 3), 0, arrived=1.2))
    echo.cancel(block(np.full(160, 3), 160, arrived=1.2))
    assert np.frombuffer(canceller.far, dtype="<i2").tolist() == [0] * 160 + [2] * 160


def test_without_a_conversation_it_keeps_the_last_seconds_only():
    canceller = Recorder()
    echo = EchoCancellation(canceller)
    for index in range(int(2 * MOST_WAIT_S)):
        echo.played(block(np.full(RATE, index), RATE * index, arrived=float(index)))
    assert len(echo._waiting) <= MOST_WAIT_S + 1
    echo.cancel(block(np.zeros(160), 0, arrived=100.0))
    assert not any(canceller.far)  # and of those, what is old is no echo any more
