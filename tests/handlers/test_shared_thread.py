"""All models on one thread, as on MPS: no job waits there for what only another job can bring."""

from __future__ import annotations

import numpy as np
import pytest

from handlers.lm import LMHandler
from handlers.tts import AHEAD, TTSHandler
from tests.fakes import RunningStage, Surroundings
from tests.waiting import DEADLINE_S
from utils.conversation.messages import ReplyAudio, ReplyEnd, Transcript
from utils.system.engine_thread import EngineThread, on_shared_thread
from utils.text.voice_text import VoiceText
from utils.turns.chat import Chat


@pytest.fixture
def thread():
    made = EngineThread("all", shared=True)
    yield made
    assert made.close(DEADLINE_S)


class Voice:
    """Speaks far more than a listener may be ahead of."""

    def __init__(self, thread: EngineThread) -> None:
        self._thread, self.reading = thread, VoiceText()

    def stream(self, text, live):
        second = np.ones(44_100, dtype=np.int16)

        def speak(emit, wanted):
            for _ in range(3 * AHEAD // len(second)):
                emit(second)

        yield from self._thread.stream(speak, live, room=AHEAD, size=len)


class Writer:
    """A language model that asks at every word whether it is to go on."""

    def __init__(self, thread: EngineThread) -> None:
        self._thread = thread

    def new_chat(self):
        return Chat(2)

    def new_session(self):
        return None

    def stream(self, session, chat, text, live):
        def write(emit, wanted):
            for word in ("Well, ", "yes. ", "Of course. ", "Surely."):
                assert wanted()
                emit(word)

        yield from self._thread.stream(write, live)


def test_a_voice_whose_listener_pauses_lets_the_recogniser_work(thread):
    world = Surroundings()
    audio = Voice(thread).stream("A long story.", lambda: not world.turns.closed)
    next(audio)  # and then the reply is held until it is known what the user said
    heard = thread.submit(lambda: "Stop it.")
    assert heard.result(DEADLINE_S) == "Stop it."
    assert sum(map(len, audio)) == (3 * AHEAD // 44_100 - 1) * 44_100


def test_a_language_model_does_not_wait_for_a_voice_that_waits_for_its_thread(thread, monkeypatch):
    world, waited = Surroundings(), []
    attempt = world.transcribed()

    def wait_for_voice(attempt: int, seconds: float) -> bool:
        waited.append(world.records._records[attempt].first_sentence_at)
        return True

    monkeypatch.setattr(world.records, "wait_for_voice", wait_for_voice)
    with RunningStage(world, LMHandler, Writer(thread)) as lm:
        world.records.observe(asked := Transcript(attempt, 1, "Are you sure?"))
        lm.inbox.put(asked)
        while not isinstance(lm.outbox.get(), ReplyEnd):
            pass
    assert not any(waited)  # before the first sentence nobody waits


def test_both_speak_a_whole_reply_on_one_thread(thread):
    world = Surroundings()
    attempt = world.transcribed()
    with RunningStage(world, LMHandler, Writer(thread)) as lm, RunningStage(world, TTSHandler, Voice(thread)) as tts:
        world.records.observe(asked := Transcript(attempt, 1, "Are you sure?"))
        lm.inbox.put(asked)
        while not isinstance(message := lm.outbox.get(), ReplyEnd):
            tts.inbox.put(message)
        tts.inbox.put(message)
        spoken = ""
        while not isinstance(message := tts.outbox.get(), ReplyEnd):
            assert isinstance(message, ReplyAudio)
            spoken += message.text
    assert spoken == "Well, yes. Of course. Surely."


def test_only_a_shared_thread_is_one():
    alone = EngineThread("alone")
    assert not on_shared_thread()
    assert not alone.call(on_shared_thread)
    assert alone.close(DEADLINE_S)
