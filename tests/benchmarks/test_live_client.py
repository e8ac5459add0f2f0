"""What the benchmarks' listener makes of the chunks it hears, and that it speaks in real time."""

from __future__ import annotations

import socket
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.live_client import AUDIBLE, BLOCK, RATE, LiveClient, first_audible, underruns

REPLY_RATE = 44_100


def chunk(at: float, samples: int, loud_from: int | None = None) -> tuple[float, np.ndarray]:
    audio = np.full(samples, AUDIBLE / 2, dtype=np.float32)
    if loud_from is not None:
        audio[loud_from:] = AUDIBLE
    return at, audio


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([], None),
        ([chunk(5.0, 100)], None),
        ([chunk(5.0, 100, 0)], 5.0),
        ([chunk(5.0, 44_100, 4_410)], 5.1),
        ([chunk(5.0, 4_410), chunk(5.01, 4_410, 0)], 5.1),  # it came early, and is played when the first is over
        ([chunk(5.0, 4_410), chunk(7.0, 4_410, 0)], 7.0),
    ],
)
def test_when_the_first_audible_sample_is_heard(chunks, expected):
    assert first_audible(chunks) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([], []),
        ([chunk(1.0, 44_100)], []),
        ([chunk(1.0, 44_100), chunk(1.9, 44_100), chunk(2.5, 44_100)], []),
        ([chunk(1.0, 44_100), chunk(2.25, 44_100), chunk(3.2, 1)], [0.25]),
        ([chunk(1.0, 4_410), chunk(2.0, 4_410), chunk(3.0, 4_410)], [0.9, 0.9]),
    ],
)
def test_gaps_in_which_nothing_was_there_to_play(chunks, expected):
    assert underruns(chunks) == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 88_200)), min_size=1))
def test_playing_takes_the_audio_and_the_gaps(steps):
    """Whatever arrives when: the last sample is played after all the audio and all the gaps, never sooner."""
    now, chunks = 0.0, []
    for seconds, samples in steps:
        now += seconds
        chunks.append(chunk(now, samples))
    total = sum(samples for _, samples in steps) / REPLY_RATE
    over = chunks[0][0] + total + sum(underruns(chunks))
    assert over >= now + steps[-1][1] / REPLY_RATE - 1e-6


def test_it_speaks_in_real_time_and_knows_when_the_last_sound_was():
    with socket.create_server(("127.0.0.1", 0)) as microphone, socket.create_server(("127.0.0.1", 0)) as speaker:
        heard = threading.Thread(target=listen, args=(microphone, speaker, received := bytearray()))
        heard.start()
        opened = time.monotonic()  # its clock begins between this moment and the next
        with LiveClient(microphone.getsockname()[1], speaker.getsockname()[1]) as client:
            audio = np.zeros(RATE // 2, dtype=np.float32)
            audio[1_000:4_000] = 0.5
            began = time.monotonic()
            spoken_at = client.say(audio)
            assert time.monotonic() - opened >= len(audio) / RATE
            assert opened <= spoken_at - 4_000 / RATE <= began
            assert not client.be_silent_until(lambda: False, 0.1)
            assert client.be_silent_until(lambda: bool(client.heard_since(0.0)), 5)
            assert np.concatenate([samples for _, samples in client.heard_since(0.0)]).tolist() == [0.5, -0.5]
        heard.join(10)
    sent = np.frombuffer(bytes(received), dtype="<i2")
    assert len(sent) % BLOCK == 0
    assert sent[1_000] == 16_384
    assert np.flatnonzero(sent)[[0, -1]].tolist() == [1_000, 3_999]


def listen(microphone: socket.socket, speaker: socket.socket, received: bytearray) -> None:
    ear, mouth = microphone.accept()[0], speaker.accept()[0]
    with ear, mouth:
        mouth.sendall(np.array([16_384, -16_384], dtype="<i2").tobytes())
        while data := ear.recv(4_096):
            received += data
