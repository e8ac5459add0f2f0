"""A voice is heard equally well whatever was heard before it, and what is no voice is none after it."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from handlers.vad.hearing import AFTER_DROP_FRAMES, AGED_FRAMES, STEADY_FRAMES, Hearing
from handlers.vad.loudness import decibels
from handlers.vad.segmentation import Segmenter, Started
from handlers.vad.silero import FRAME_MS, SileroModel
from tests.handlers.vad.sounds import RATE, applause, hum, louder, room, telephone, violin
from tests.handlers.vad.test_handler import Vad, utterances
from utils.audio.resampling import resample
from utils.audio.samples import FloatAudio
from utils.client.devices.wav_files import read_wav

RECORDINGS = Path(__file__).parent / "recordings"
THRESH = 0.3
PAD_MS = 300  # so much before the first voiced frame belongs to the utterance
LEVELS = (0, -10, -20, -30, -40)


@functools.cache
def recording(name: str) -> FloatAudio:
    return read_wav(RECORDINGS / f"{name}.wav")[0]


def loud_question() -> FloatAudio:
    return np.tile(louder(recording("question"), 12), 3)


BEFORE = {
    "violin": lambda: violin(15), "hum": lambda: hum(15), "applause": lambda: applause(10), "voice": loud_question,
}  # fmt: skip


class Listener:
    """The hearing and the segmenter of one conversation, as the handler joins them."""

    def __init__(self, rate: int = RATE) -> None:
        self.model = _model(rate)
        self.hearing = Hearing(self.model)
        self.segmenter = Segmenter(
            frame_ms=FRAME_MS, thresh=THRESH, min_silence_ms=250, min_speech_ms=120, max_speech_ms=28_000
        )
        self.turns = 0

    def hear(self, audio: FloatAudio) -> list[int]:
        """The numbers of the frames of float32 [n], at the rate, that are voiced."""
        size, voiced = self.model.frame, []
        for number in range(len(audio) // size):
            frame, segmenter = audio[number * size : (number + 1) * size], self.segmenter
            probability = self.hearing.step(frame, decibels(frame), segmenter.in_utterance, segmenter.sure)
            events = segmenter.feed(probability, False, self.hearing.doubtful)
            self.turns += sum(isinstance(event, Started) for event in events)
            if probability >= THRESH:
                voiced.append(number)
        return voiced


@functools.cache
def _model(rate: int) -> SileroModel:
    return SileroModel(rate)


def frames_of(audio: FloatAudio, frame: int) -> FloatAudio:
    """Padded to whole frames."""
    return np.pad(audio, (0, -len(audio) % frame))


def assert_heard_as_if_nothing_had_been(before: FloatAudio, sentence: FloatAudio, quiet_s: float, rate: int = RATE):
    """Nearly as many voiced frames as at the beginning of a conversation, and the first of them as soon."""
    fresh, used = Listener(rate), Listener(rate)
    quiet, audio = frames_of(room(quiet_s), RATE // 31), sentence + room(len(sentence) / RATE + 1)[: len(sentence)]
    fit = functools.partial(_at, rate=rate, frame=fresh.model.frame)
    used.hear(fit(before))
    for listener in (fresh, used):
        listener.hear(fit(quiet))
    expected, found = fresh.hear(fit(audio)), used.hear(fit(audio))
    edge = decibels(sentence) < -60  # of what is heard at all: there the room's noise decides about single frames
    assert len(found) >= (0.6 if edge else 0.9) * len(expected)
    if expected:
        assert (found[0] - expected[0]) * FRAME_MS <= PAD_MS / 2


def _at(audio: FloatAudio, rate: int, frame: int) -> FloatAudio:
    return frames_of(resample(audio, RATE, rate), frame)


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("quiet_s", [0.3, 4.0])
def test_a_sentence_is_heard_at_every_level(before, level, quiet_s):
    assert_heard_as_if_nothing_had_been(BEFORE[before](), louder(recording("question"), level), quiet_s)


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("level", [0, -20])
@pytest.mark.parametrize("quiet_s", [0.3, 4.0])
def test_a_sentence_over_the_telephone_is_heard(before, level, quiet_s):
    assert_heard_as_if_nothing_had_been(BEFORE[before](), louder(recording("telephone"), level), quiet_s)


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("level", [0, -20, -30])
def test_a_sentence_is_heard_at_8_khz(before, level):
    assert_heard_as_if_nothing_had_been(BEFORE[before](), louder(recording("question"), level), 4.0, rate=8_000)


@pytest.mark.parametrize("text", ["Yes.", "Who wrote it?"])
@pytest.mark.parametrize("level", [0, -20, -30])
@pytest.mark.parametrize("band", [lambda audio: audio, telephone], ids=["16 kHz", "telephone"])
def test_another_voice_is_heard_after_the_violin(say, text, level, band):
    assert_heard_as_if_nothing_had_been(violin(9), louder(band(say(text)), level), 2.0)


@pytest.mark.parametrize("level", [-60, -50, -40])
def test_a_long_time_in_a_noisy_room_makes_no_difference(level):
    noise, speech = room(90, level), louder(recording("telephone"), -15 if level < -45 else 0)
    fresh, used = Listener(), Listener()
    used.hear(noise)
    fresh.hear(noise[: 2 * RATE])
    assert used.turns == fresh.turns == 0
    audio = frames_of(speech + room(len(speech) / RATE + 1, level, seed=1)[: len(speech)], 512)
    assert len(used.hear(audio)) >= 0.9 * len(fresh.hear(audio)) > 0


@pytest.mark.parametrize("kind", [violin, hum, applause])
@pytest.mark.parametrize("before", ["nothing", *BEFORE])
def test_what_is_no_voice_is_no_turn_after_whatever(kind, before):
    listener = Listener()
    listener.hear(frames_of(BEFORE[before]() if before != "nothing" else room(0.1), 512))
    listener.hear(room(2))
    so_far = listener.turns
    listener.hear(frames_of(kind(9), 512))
    listener.hear(room(2))
    assert listener.turns == so_far


def test_bursts_of_noise_with_breaks_are_no_turn():
    listener = Listener()
    for _ in range(10):
        listener.hear(np.concatenate([applause(0.4), room(0.8)]))
    assert listener.turns == 0


def test_the_handler_hears_the_first_word_after_a_hum():
    vad, quiet = Vad(), louder(recording("question"), -30)
    assert utterances(vad.hear(np.concatenate([room(1), hum(9), room(3)]))) == []
    (utterance,) = utterances(vad.hear(np.concatenate([quiet, room(0.6)])))
    heard = np.abs(utterance.audio) > np.abs(quiet).max() / 8
    first, last = np.flatnonzero(np.abs(quiet) > np.abs(quiet).max() / 8)[[0, -1]]
    assert np.flatnonzero(heard)[-1] - np.flatnonzero(heard)[0] == pytest.approx(last - first, abs=32)


class Counting:
    """In place of silero: a state is the number of frames that it has heard, and what is positive is voiced."""

    rate, frame = RATE, 512

    def __init__(self) -> None:
        self.steps = 0

    def initial_state(self, after=None) -> int:
        return 0

    def step(self, frame, state):
        self.steps += 1
        return float(frame[0] > 0), state + 1


def ages(*levels: float, in_utterance: bool = False) -> list[int]:
    """How many frames the judging state has heard, after each frame of these levels."""
    hearing, found = Hearing(Counting()), []
    for level in levels:
        hearing.step(np.zeros(512, dtype=np.float32), level, in_utterance, in_utterance)
        found.append(hearing._state)
    return found


def test_the_state_is_renewed_when_a_loud_sound_has_gone():
    assert ages(*[-20.0] * 50, *[-70.0] * AFTER_DROP_FRAMES)[-2:] == [50 + AFTER_DROP_FRAMES - 1, AFTER_DROP_FRAMES]


def test_the_breaks_of_music_renew_nothing():
    assert ages(*([-20.0] * 10 + [-44.0] * 30) * 20)[-1] == 800
    assert ages(*([-20.0] * 10 + [-60.0] * (AFTER_DROP_FRAMES - 1)) * 20)[-1] == 20 * (9 + AFTER_DROP_FRAMES)


def test_nothing_is_renewed_in_mid_speech():
    assert ages(*[-20.0] * 50, *[-70.0] * 300, in_utterance=True)[-1] == 350


def test_in_a_steady_room_the_state_never_becomes_old():
    found = ages(*[-50.0, -53.0] * 2_000)
    assert max(found) == AGED_FRAMES + STEADY_FRAMES - 1
    assert min(found[STEADY_FRAMES:]) == STEADY_FRAMES


def test_the_successor_costs_little():
    model = Counting()
    hearing = Hearing(model)
    for _ in range(10_000):
        hearing.step(np.zeros(512, dtype=np.float32), -50.0, False, False)
    assert model.steps <= 10_000 * (1 + 1.1 * STEADY_FRAMES / AGED_FRAMES)


def test_digital_silence_is_a_steady_room():
    assert max(ages(*[-np.inf] * 500)) == AGED_FRAMES + STEADY_FRAMES - 1
