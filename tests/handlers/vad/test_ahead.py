"""What is said is transcribed before it is sure that the speaker pauses: when, and whose words it is."""

from __future__ import annotations

import threading

import numpy as np

from handlers.whisper.handler import WhisperSTTHandler
from tests.fakes import RunningStage, Surroundings
from tests.handlers.vad.test_handler import frames
from tests.handlers.vad.test_turn_taking import SILENCE, SPEECH, Speaker
from utils.conversation.messages import SpeechSoFar, Transcript, Utterance, WordsSoFar

PAUSE = [0.0] * 2
AUDIO = np.zeros(1_600, dtype=np.float32)


def speaker(**options) -> Speaker:
    return Speaker(**{"speculative_silence_ms": 64.0, **options})


def kinds(messages: list, *wanted: type) -> list:
    return [message for message in messages if isinstance(message, wanted)]


# --- the VAD


def test_it_is_transcribed_with_the_first_quiet_frame_and_the_pause_has_the_same_words():
    user = speaker()
    ahead, utterance = kinds(user.hear(frames(*SPEECH, *PAUSE)), SpeechSoFar, Utterance)
    assert isinstance(ahead, SpeechSoFar)
    assert np.count_nonzero(ahead.audio) == np.count_nonzero(utterance.audio) == 512 * len(SPEECH)
    assert (utterance.so_far, utterance.turn) == (ahead.number, ahead.turn)
    assert user.world.context.ahead.wanted(ahead.number)


def test_a_sound_since_then_may_be_another_word():
    user = speaker()
    messages = user.hear(frames(*SPEECH, 0.0, *SPEECH, *PAUSE))
    first, second = kinds(messages, SpeechSoFar)
    (utterance,) = kinds(messages, Utterance)
    assert (first.number, second.number) == (1, 2)
    assert utterance.so_far == second.number
    assert not user.world.context.ahead.wanted(first.number)


def test_speech_that_is_only_quiet_now_is_no_pause():
    """Voiced, as far as the network knows, and 40 dB below what was said before."""
    user = speaker()
    user.hear(frames(*SPEECH))
    model, user.stage._model = user.stage._model, _AlwaysVoiced(user.stage._model)
    (ahead,) = kinds(user.hear(frames(*[0.0] * 8)), SpeechSoFar)
    user.stage._model = model
    (utterance,) = kinds(user.hear(frames(*PAUSE)), Utterance)
    assert utterance.so_far is None
    assert not user.world.context.ahead.wanted(ahead.number)


class _AlwaysVoiced:
    def __init__(self, model) -> None:
        self._model = model

    def __getattr__(self, name):
        return getattr(self._model, name)

    def step(self, frame, state):
        return 0.9, state


def test_long_speech_is_transcribed_on_the_way_and_that_is_a_draft():
    user = speaker()
    (ahead,) = kinds(user.hear(frames(*[0.9] * 22)), SpeechSoFar)
    messages = user.hear(frames(*SPEECH, *PAUSE))
    assert kinds(messages, Utterance)[0].so_far == kinds(messages, SpeechSoFar)[-1].number > ahead.number


def test_over_a_reply_nothing_is():
    user = speaker()
    user.assistant_speaks()
    messages = user.hear(frames(*SPEECH, *SILENCE))
    assert not kinds(messages, SpeechSoFar)
    assert kinds(messages, Utterance)[0].so_far is None


def test_without_speculation_nothing_is():
    messages = speaker(speculative_silence_ms=0.0).hear(frames(*SPEECH, *SILENCE))
    assert not kinds(messages, SpeechSoFar)
    assert kinds(messages, Utterance)[0].so_far is None


def test_a_slow_machine_has_no_time_for_it():
    user = speaker()
    user.world.context.ahead.took(10_000.0)
    assert not kinds(user.hear(frames(*SPEECH, *SILENCE)), SpeechSoFar)


# --- the STT


class Whisper:
    """Says what it is told to say, one text a call, and counts the calls."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.calls = 0

    def transcribe(self, audio, live, doubtful=False, draft=None):
        self.calls += 1
        return self.texts.pop(0)


def heard(world: Surroundings, whisper: Whisper, so_far: int | None, number: int = 1) -> list:
    stt = world.stage(WhisperSTTHandler, whisper)
    while world.context.ahead.begin() < number:
        pass
    attempt = world.committed()
    return world.process(stt, [SpeechSoFar(number, 1, AUDIO), Utterance(attempt, 1, AUDIO, 0.0, so_far=so_far)])


def test_what_was_transcribed_ahead_is_not_transcribed_again():
    whisper = Whisper("Hello.")
    words, transcript = heard(Surroundings(), whisper, so_far=1)
    assert words == WordsSoFar(1, 1, "Hello.")
    assert (type(transcript), transcript.text) == (Transcript, "Hello.")
    assert whisper.calls == 1


def test_an_utterance_with_other_words_is_transcribed():
    whisper = Whisper("Hello.", "Hello you.")
    assert [message.text for message in heard(Surroundings(), whisper, so_far=None)] == ["Hello.", "Hello you."]


def test_where_nothing_was_understood_it_is_heard_again():
    whisper = Whisper("", "Hello.")
    (transcript,) = heard(Surroundings(), whisper, so_far=1)
    assert isinstance(transcript, Transcript)
    assert whisper.calls == 2


def test_what_is_not_wanted_any_more_is_not_transcribed():
    world, whisper = Surroundings(), Whisper("Hello.")
    stt = world.stage(WhisperSTTHandler, whisper)
    number = world.context.ahead.begin()
    world.context.ahead.drop()
    assert world.process(stt, [SpeechSoFar(number, 1, AUDIO)]) == []
    assert whisper.calls == 0


def test_one_that_is_being_made_stops_when_it_is_not_wanted():
    class Waits:
        def __init__(self) -> None:
            self.began, self.stopped = threading.Event(), threading.Event()

        def transcribe(self, audio, live, doubtful=False, draft=None):
            from concurrent.futures import CancelledError

            self.began.set()
            while live():
                self.stopped.wait(0.001)
            raise CancelledError

    world, whisper = Surroundings(), Waits()
    number = world.context.ahead.begin()
    with RunningStage(world, WhisperSTTHandler, whisper) as stage:
        stage.inbox.put(SpeechSoFar(number, 1, AUDIO))
        assert whisper.began.wait(10)
        world.context.ahead.begin()
        stage.inbox.put(Transcript(world.committed(), 1, "passed on"))  # the stage goes on
        assert stage.outbox.get().text == "passed on"


def test_where_it_breaks_the_utterance_is_transcribed_all_the_same(caplog):
    class BreaksOnce(Whisper):
        def transcribe(self, audio, live, doubtful=False, draft=None):
            if self.calls == 0:
                self.calls = 1
                raise RuntimeError("out of order")
            return super().transcribe(audio, live, doubtful, draft)

    world = Surroundings()
    number, attempt = world.context.ahead.begin(), world.committed()
    with RunningStage(world, WhisperSTTHandler, BreaksOnce("Hello.")) as stage:
        stage.inbox.put(SpeechSoFar(number, 1, AUDIO))
        stage.inbox.put(Utterance(attempt, 1, AUDIO, 0.0, so_far=number))
        assert stage.outbox.get() == Transcript(attempt, 1, "Hello.")
    assert "WhisperSTTHandler failed on SpeechSoFar" in caplog.text
