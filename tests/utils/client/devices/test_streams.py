"""Microphone and speaker on a fake sound card: what the callbacks move, and what devices refuse."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from tests.fakes_sounddevice import FakeDevice, FakeSoundDevice, FakeStream, PortAudioError
from utils.client.devices.streams import ECHO_TAIL_S, MOST_SILENT_S, AudioStream, Microphone, Speaker, open_stream
from utils.client.errors import SoundError

BLOCK = 256


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def tone(rate: int, seconds: float, hertz: float = 440.0, loud: float = 0.5) -> bytes:
    wave = loud * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)
    return np.rint(wave * 32_767).astype("<i2").tobytes()


def speaker(*devices: FakeDevice, rate: int = 44_100, clock=None) -> tuple[Speaker, FakeSoundDevice]:
    sound = FakeSoundDevice(*devices)
    made = Speaker(open_stream(sound, "output", None, BLOCK), rate, clock or Clock())
    made.start()
    return made, sound


def microphone(*devices: FakeDevice, rate: int = 16_000, muted=lambda: False, clock=None):
    sound = FakeSoundDevice(*devices)
    made = Microphone(open_stream(sound, "input", None, BLOCK), rate, muted, clock or Clock())
    made.start()
    return made, sound


def test_what_is_written_is_played_and_gaps_are_silence():
    sink, sound = speaker()
    data = tone(44_100, 0.01)
    assert sound.speaker.play(100) == bytes(200)
    sink.write(data)
    assert sound.speaker.play(441 + 9) == data + bytes(18)
    assert sound.speaker.play(50) == bytes(100)


def test_it_is_playing_from_the_first_byte_until_the_room_is_quiet():
    clock = Clock()
    sink, sound = speaker(clock=clock)
    assert not sink.playing
    sink.write(tone(44_100, 0.01))
    assert sink.playing
    sound.speaker.play(441)
    clock.now += sound.speaker.latency + ECHO_TAIL_S - 0.01
    assert sink.playing
    clock.now += 0.02
    assert not sink.playing
    sound.speaker.play(441)  # silence is no playing
    assert not sink.playing


def test_a_speaker_that_is_full_makes_the_network_wait_and_loses_nothing():
    sink, sound = speaker(FakeDevice("Slow", outputs=1), rate=44_100)
    second = tone(44_100, 1.0)
    written = 0
    while sink.wait_for_room(0):
        sink.write(second)
        written += 1
        assert written <= 301
    assert written == 300
    sound.speaker.play(10)
    assert sink.wait_for_room(0)


@pytest.mark.parametrize("own", [48_000, 16_000])
def test_a_speaker_that_refuses_the_rate_plays_resampled(own):
    sink, sound = speaker(FakeDevice("USB", outputs=1, rate=own, rates=(own,)))
    assert sound.speaker.samplerate == own
    data = tone(44_100, 0.4)
    for start in range(0, len(data), 1_764):
        sink.write(data[start : start + 1_764])
    sink.pause()  # much is left to play: nothing has ended
    sink.finish()
    got = np.frombuffer(sound.speaker.play(own), dtype="<i2").astype(float)
    length = round(0.4 * own)
    wanted = np.frombuffer(tone(own, 0.4), dtype="<i2").astype(float)
    assert np.abs(got[200 : length - 200] - wanted[200:-200]).max() < 8  # of 32768
    assert not got[length + 1 :].any()


def test_a_resampled_reply_ends_whole_before_its_last_part_is_played():
    sink, sound = speaker(FakeDevice("USB", outputs=1, rate=48_000, rates=(48_000,)))
    sink.write(tone(44_100, 0.5))
    sink.pause()
    sound.speaker.play(round(0.4 * 48_000))
    sink.pause()  # nothing comes and little is left
    assert np.count_nonzero(np.frombuffer(sound.speaker.play(), dtype="<i2")) > 0.99 * BLOCK
    rest = sound.speaker.play(48_000)
    played = len(np.trim_zeros(np.frombuffer(rest, dtype="<i2"), "b")) + round(0.4 * 48_000) + BLOCK
    assert abs(played - 0.5 * 48_000) <= 2


def test_what_is_heard_is_sent_unchanged():
    source, sound = microphone()
    blocks = source.blocks(threading.Event())
    parts = [tone(16_000, 0.016, hertz) for hertz in (200, 300, 400)]
    for part in parts:
        sound.microphone.capture(part)
    assert [next(blocks) for _ in parts] == parts


def test_what_was_heard_while_nobody_was_connected_is_not_sent():
    source, sound = microphone()
    sound.microphone.capture(b"\x11\x11" * BLOCK)
    blocks = source.blocks(threading.Event())
    sound.microphone.capture(b"\x22\x22" * BLOCK)
    assert next(blocks) == b"\x22\x22" * BLOCK


def test_when_the_network_stalls_the_oldest_words_are_lost():
    source, sound = microphone()
    blocks = source.blocks(threading.Event())
    for number in range(2_000):
        sound.microphone.capture(number.to_bytes(2, "little") * BLOCK)
    kept = round(10.0 * 16_000 / BLOCK)
    assert int.from_bytes(next(blocks)[:2], "little") == 2_000 - kept


def test_it_ends_when_asked_to():
    source, _ = microphone()
    stopping = threading.Event()
    blocks = source.blocks(stopping)
    stopping.set()
    assert list(blocks) == []


def test_a_microphone_that_refuses_the_rate_is_sent_resampled():
    source, sound = microphone(FakeDevice("USB", inputs=1, rate=44_100, rates=(44_100, 48_000)))
    assert sound.microphone.samplerate == 44_100
    captured, taken = tone(44_100, 1.0), bytearray()
    blocks = source.blocks(threading.Event())
    for start in range(0, len(captured), 2 * 441):
        sound.microphone.capture(captured[start : start + 2 * 441])
        taken += next(blocks)
    got = np.frombuffer(taken, dtype="<i2").astype(float)
    wanted = np.frombuffer(tone(16_000, 1.0), dtype="<i2").astype(float)
    assert 16_000 - 40 <= len(got) <= 16_000
    assert np.abs(got[200:] - wanted[200 : len(got)]).max() < 8  # of 32768


def test_a_muted_microphone_sends_nothing_and_shows_no_level():
    seen = []

    def muted() -> bool:
        seen.append((source.level, source.heard))
        return len(seen) in (2, 3)

    source, sound = microphone(muted=muted)
    blocks = source.blocks(threading.Event())
    parts = [tone(16_000, 0.016, hertz) for hertz in (200, 300, 400, 500)]
    for part in parts:
        sound.microphone.capture(part)
    assert [next(blocks), next(blocks)] == [parts[0], parts[3]]
    assert [heard for _, heard in seen] == [False, True, False, False]
    assert seen[3][0] == -math.inf


@pytest.mark.parametrize(
    ("loud", "level", "heard"), [(1.0, -3.0, True), (0.1, -23.0, True), (0.001, -63.2, False), (0.0, -math.inf, False)]
)
def test_the_level_is_that_of_the_last_block(loud, level, heard):
    source, sound = microphone()
    blocks = source.blocks(threading.Event())
    sound.microphone.capture(tone(16_000, 0.1, loud=loud))
    next(blocks)
    assert source.level == pytest.approx(level, abs=0.5)
    assert source.heard is heard


def test_between_two_words_somebody_still_speaks():
    clock = Clock()
    source, sound = microphone(clock=clock)
    blocks = source.blocks(threading.Event())
    sound.microphone.capture(tone(16_000, 0.1))
    next(blocks)
    clock.now += 0.5
    assert source.heard
    clock.now += 0.2
    assert not source.heard


def test_a_device_that_refuses_everything_is_named_with_the_first_reason():
    with pytest.raises(SoundError, match=r"the speaker 'Odd' can't be opened: .*Invalid sample rate") as error:
        speaker(FakeDevice("Odd", outputs=1, rates=()))
    assert "\n" not in str(error.value)


def test_a_device_that_does_not_start_is_named():
    with pytest.raises(SoundError, match="the speaker 'Busy' can't start"):
        speaker(FakeDevice("Busy", outputs=1, refuses_to_start=True))


def test_a_device_that_has_gone_is_noticed():
    sink, sound = speaker(FakeDevice("USB", outputs=1))
    sink.check()
    sound.speaker.active = False
    with pytest.raises(SoundError, match="the speaker 'USB' has gone"):
        sink.check()


@pytest.mark.parametrize("block", [256, 65_536])
def test_a_device_that_falls_silent_has_gone(block):
    # So does an unplugged one on some systems: its stream goes on, but nothing calls any more.
    clock, sound = Clock(), FakeSoundDevice(FakeDevice("USB", outputs=1))
    stream = AudioStream(sound, "output", 0, block, clock)
    sink = Speaker(stream, 44_100, clock)
    sink.start()
    patience = MOST_SILENT_S + 4 * block / 44_100
    clock.now += patience - 0.1
    sink.check()
    sound.speaker.play()
    clock.now += patience - 0.1
    sink.check()
    clock.now += 0.2
    with pytest.raises(SoundError, match="the speaker 'USB' has gone"):
        sink.check()


def test_a_device_whose_stream_can_t_be_asked_has_gone(monkeypatch):
    def fail(stream: object) -> bool:
        raise PortAudioError

    sink, _ = speaker(FakeDevice("USB", outputs=1))
    monkeypatch.setattr(FakeStream, "active", property(fail, lambda stream, value: None), raising=False)
    with pytest.raises(SoundError, match="the speaker 'USB' has gone"):
        sink.check()


def test_stopping_closes_the_stream():
    sink, sound = speaker()
    sink.stop()
    assert sound.speaker.closed


@pytest.mark.parametrize("least", [2, 6])
def test_a_speaker_that_refuses_one_channel_plays_the_same_on_all(least):
    sink, sound = speaker(FakeDevice("Dock", outputs=least, least_channels=least))
    assert (sound.speaker.channels, sound.speaker.samplerate) == (least, 44_100)
    sink.write(tone(44_100, 0.01))
    frames = np.frombuffer(sound.speaker.play(450), dtype="<i2").reshape(-1, least)
    assert (frames == frames[:, :1]).all()
    assert frames[:, 0].tobytes() == tone(44_100, 0.01) + bytes(18)


def test_a_microphone_that_refuses_one_channel_is_mixed():
    source, sound = microphone(FakeDevice("Array", inputs=4, least_channels=2))
    assert sound.microphone.channels == 2
    blocks = source.blocks(threading.Event())
    left, right = np.arange(BLOCK, dtype="<i2"), np.full(BLOCK, 100, dtype="<i2")
    sound.microphone.capture(np.stack([left, right], axis=1).tobytes())
    got = np.frombuffer(next(blocks), dtype="<i2")
    assert np.abs(got - (left.astype(int) + right) / 2).max() <= 1


def test_a_device_without_channels_is_an_error():
    with pytest.raises(SoundError, match="Invalid number of channels"):
        Microphone(AudioStream(FakeSoundDevice(FakeDevice("None")), "input", 0, BLOCK), 16_000)
