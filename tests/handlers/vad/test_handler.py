"""Voice activity detection: the real silero on real speech, and its logic on scripted probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from handlers.vad.handler import VADEngine, VADHandler
from handlers.vad.turn_audio import STT_RATE
from tests.fakes import Surroundings
from utils.audio.resampling import resample
from utils.conversation.messages import InputAudio, InputEnded, InputGap, InterimAudio, SpeechPart, Utterance

OPTIONS = {
    "thresh": 0.3, "sample_rate": 16_000, "min_silence_ms": 250.0, "min_speech_ms": 120.0,
    "max_speech_ms": float("inf"), "speech_pad_ms": 300.0, "turn_detection": "vad", "turn_model_name": "",
    "turn_thresh": 0.5, "max_pause_ms": 1_500.0, "allow_interruptions": True, "min_interruption_ms": 160.0,
    "speculative_silence_ms": 0.0,
}  # fmt: skip


class Vad:
    """The real handler, fed in blocks with the time at which each would have come.

    recognises: a recogniser takes each request for an interim transcript at once.
    """

    recognises = True

    def __init__(self, model=None, **options) -> None:
        self.world = Surroundings()
        self.engine = VADEngine(None, **{**OPTIONS, **options})
        if model is not None:
            self.engine.model = model
        self.stage = self.world.stage(VADHandler, self.engine)
        self.rate = self.engine.model.rate

    def hear(self, audio, block=512) -> list:
        out = []
        for start in range(0, len(audio), block):
            samples = np.asarray(audio[start : start + block], dtype=np.float32)
            self.world.clock.advance(len(samples) / self.rate)
            out += self.world.process(self.stage, [InputAudio(samples, self.world.clock())])
            if self.recognises and (asked := [message for message in out if isinstance(message, InterimAudio)]):
                self.world.context.interim.take(asked[-1].number)
        return out

    def silence(self, seconds: float) -> list:
        return self.hear(np.zeros(int(seconds * self.rate), dtype=np.float32))

    def end(self) -> list:
        return self.world.process(self.stage, [InputEnded()])


class Scripted:
    """In place of silero: a sample's own value is its frame's probability."""

    rate, frame = 16_000, 512

    def initial_state(self, after=None):
        return None

    def step(self, frame, state):
        return float(frame[0]), None


def utterances(messages) -> list[Utterance]:
    return [message for message in messages if isinstance(message, Utterance)]


def frames(*probabilities: float) -> np.ndarray:
    return np.repeat(np.array(probabilities, dtype=np.float32), 512)


@pytest.mark.parametrize("rate", [16_000, 8_000])
@pytest.mark.parametrize("block", [160, 512, 32_000])
def test_a_sentence_is_one_utterance_with_its_first_word(say, rate, block):
    speech = resample(say("What is the capital of France?"), 16_000, rate)
    vad = Vad(sample_rate=rate)
    noise = np.random.default_rng(0).normal(0, 1e-3, rate).astype(np.float32)
    audio = np.concatenate([noise, speech, noise])
    (utterance,) = utterances(vad.hear(audio, block))
    loud = np.flatnonzero(np.abs(speech) > 0.02)
    pre_roll = np.flatnonzero(np.abs(utterance.audio) > 0.02)[0] / STT_RATE
    assert pre_roll >= 0.2
    spoken = (loud[-1] - loud[0]) / rate
    assert len(utterance.audio) / STT_RATE >= spoken + 0.2 + 0.1
    assert len(utterance.audio) / STT_RATE <= spoken + 1.2


@pytest.mark.parametrize("text", ["Hello there.", "What is the capital of France?", "How do airplanes fly?"])
@pytest.mark.parametrize(("noise", "off_s"), [(0.0, 0.032), (1e-3, 0.032), (1e-2, 0.08), (5e-2, 0.2)])
def test_the_last_voiced_sample_is_timed(say, text, noise, off_s):
    vad = Vad()
    speech, room = say(text), np.random.default_rng(0)
    start = vad.world.clock()
    audio = np.concatenate([np.zeros(16_000), speech, np.zeros(9_600)])
    (utterance,) = utterances(vad.hear((audio + room.normal(0, noise, len(audio))).astype(np.float32)))
    end_of_voice = start + 1.0 + np.flatnonzero(np.abs(speech) > 0.01)[-1] / 16_000
    assert abs(utterance.last_voiced_at - end_of_voice) < off_s


@pytest.mark.parametrize("text", ["Yes.", "No.", "Stop.", "Why?"])
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_a_single_word_is_heard(say, text, gain):
    vad = Vad()
    assert len(utterances(vad.silence(0.5) + vad.hear(gain * say(text)) + vad.silence(0.6))) == 1


@pytest.mark.parametrize("kind", ["silence", "noise", "clicks"])
def test_what_is_no_speech_is_no_utterance(kind):
    rng = np.random.default_rng(1)
    audio = np.zeros(16_000 * 6, dtype=np.float32)
    if kind == "noise":
        audio = rng.normal(0, 0.02, len(audio)).astype(np.float32)
    elif kind == "clicks":
        for start in rng.integers(0, len(audio) - 400, 20):
            audio[start : start + 80] += rng.normal(0, 0.5, 80).astype(np.float32)
    vad = Vad()
    assert vad.hear(audio) + vad.silence(0.5) == []


def test_a_pause_inside_an_utterance_is_kept():
    vad = Vad(Scripted(), speech_pad_ms=0.0)
    (utterance,) = utterances(vad.hear(frames(*[0.9] * 6, *[0.1] * 5, *[0.9] * 6, *[0.1] * 20)))
    assert utterance.audio.tolist() == frames(*[0.9] * 6, *[0.1] * 5, *[0.9] * 6).tolist()


def test_the_padding_is_applied_on_both_sides():
    vad = Vad(Scripted(), speech_pad_ms=64.0)
    (utterance,) = utterances(vad.hear(frames(*[0.01] * 9, *[0.9] * 6, *[0.02] * 20)))
    assert utterance.audio.tolist() == frames(0.01, 0.01, *[0.9] * 6, 0.02, 0.02).tolist()


SPEECH, PAUSE = [0.9] * 10, [0.0] * 12


def test_speech_before_the_reply_is_heard_extends_the_turn():
    vad = Vad(Scripted())
    first = utterances(vad.hear(frames(*PAUSE, *SPEECH, *PAUSE)))
    second = utterances(vad.hear(frames(*[0.8] * 10, *PAUSE)))
    assert [u.turn for u in first + second] == [1, 1]
    assert [u.attempt for u in first + second] == [1, 2]
    assert not vad.world.turns.live(1)
    count = len(first[0].audio)
    assert second[0].audio[:count].tolist() == first[0].audio.tolist()
    assert np.count_nonzero(np.isclose(second[0].audio, 0.8)) == 10 * 512
    assert np.count_nonzero(np.isclose(second[0].audio, 0.9)) == 10 * 512


def test_a_long_pause_between_the_pieces_of_a_turn_is_shortened():
    vad = Vad(Scripted())
    vad.hear(frames(*PAUSE, *SPEECH, *[0.0] * 200))
    (second,) = utterances(vad.hear(frames(*SPEECH, *PAUSE)))
    assert np.count_nonzero(np.isclose(second.audio, 0.9)) == 20 * 512
    assert len(second.audio) / STT_RATE < 3.0


def test_speech_after_an_answer_is_a_new_turn_with_its_own_words():
    vad = Vad(Scripted())
    (first,) = utterances(vad.hear(frames(*PAUSE, *SPEECH, *PAUSE)))
    turns = vad.world.turns
    assert turns.play(first.attempt)
    (second,) = utterances(vad.hear(frames(*[0.8] * 10, *PAUSE)))
    assert turns.confirm(second.attempt)
    assert not turns.live(first.attempt)
    assert second.turn == 2
    assert not np.isclose(second.audio, 0.9)[len(second.audio) // 2 :].any()
    assert np.count_nonzero(np.isclose(second.audio, 0.8)) == 10 * 512


def test_a_doubtful_sound_holds_the_reply_back_until_it_is_known():
    vad = Vad(Scripted())
    (first,) = utterances(vad.hear(frames(*PAUSE, *SPEECH, *PAUSE)))
    vad.hear(frames(0.9))
    assert not vad.world.turns.may_play(first.attempt)
    vad.hear(frames(*PAUSE))
    assert vad.world.turns.may_play(first.attempt)


@pytest.mark.parametrize("longest_ms", [1_000.0, 3_000.0])
def test_a_long_utterance_is_split_and_nothing_is_dropped(longest_ms):
    rng = np.random.default_rng(2)
    probabilities = [round(float(p), 3) for p in rng.uniform(0.35, 1.0, 400)]
    vad = Vad(Scripted(), max_speech_ms=longest_ms, speech_pad_ms=0.0)
    messages = vad.hear(frames(*probabilities, *[0.0] * 20))
    parts = [message for message in messages if isinstance(message, SpeechPart)]
    (last,) = utterances(messages)
    assert len(parts) >= 400 * 32 / longest_ms - 1
    joined = np.concatenate([part.audio for part in [*parts, last]])
    assert joined[: 400 * 512].tolist() == frames(*probabilities).tolist()
    assert {part.turn for part in parts} == {last.turn}
    assert all(len(part.audio) <= longest_ms * 16 for part in parts)


def test_endless_speech_goes_ahead_in_parts_and_memory_stays_bounded():
    vad = Vad(Scripted())
    parts, held = 0, 0
    for _ in range(100):
        parts += sum(isinstance(message, SpeechPart) for message in vad.hear(frames(*[0.9] * 50)))
        held = max(held, vad.stage._audio.timeline.end - vad.stage._audio.timeline.start)
    assert parts >= 5
    assert held < 32 * STT_RATE


def test_a_gap_in_silence_means_nothing():
    vad = Vad(Scripted())
    vad.hear(frames(*PAUSE))
    before = vad.stage._audio.timeline.end
    vad.world.clock.advance(60)
    assert vad.world.process(vad.stage, [InputGap(vad.world.clock())]) == []
    assert vad.stage._audio.timeline.end == before


def test_the_end_of_the_input_ends_the_utterance():
    vad = Vad(Scripted())
    vad.hear(frames(*SPEECH)[:-100])
    utterance, end = vad.end()
    assert isinstance(utterance, Utterance)
    assert end == InputEnded()
    assert Vad(Scripted()).end() == [InputEnded()]
