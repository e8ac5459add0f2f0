"""What every TTS stage does, with a backend of three lines and a voice that notes what it is given."""

from __future__ import annotations

import numpy as np
import pytest

from handlers.tts import TTSHandler
from tests.fakes import Surroundings
from utils.conversation.messages import Sentence
from utils.text.speakable_text import CODE
from utils.text.voice_text import CODE_PHRASES, VoiceText
from utils.turns.chat import SpokenSentence, heard_text
from utils.turns.turns import Turns

SOUND = np.full(4_410, 9_000, dtype=np.int16)


class Engine:
    """Makes one block of sound of each text, and keeps the texts."""

    def __init__(self, reading: VoiceText | None = None) -> None:
        self.reading = reading or VoiceText()
        self.texts: list[str] = []

    def stream(self, text, live):
        self.texts.append(text)
        yield SOUND


class SecondTTSHandler(TTSHandler):
    """Another backend."""

    engine_type = Engine


def speak(engine: Engine, *spoken: str, attempt: int = 1):
    """(text, spoken) of each sentence through the stage; what comes out, by sentence."""
    world = Surroundings()
    stage = world.stage(SecondTTSHandler, engine)
    return [world.process(stage, [Sentence(attempt, f"{text} ", text)]) for text in spoken]


def test_the_voice_is_given_words_and_the_listener_is_shown_the_models_text():
    engine = Engine()
    [[first, *_]] = speak(engine, "Mr. Smith paid $49.95.")
    assert engine.texts == ["Mister Smith paid forty-nine dollars and ninety-five cents."]
    assert first.text == "Mr. Smith paid $49.95. "


def test_the_language_is_the_voices():
    engine = Engine(VoiceText("de"))
    speak(engine, "Es kostet 3,50 €.")
    assert engine.texts == ["Es kostet drei Euro fünfzig Cent."]


@pytest.mark.parametrize("spoken", ["北京很大。", "", " "])
def test_what_the_voice_cannot_say_is_one_empty_message(spoken):
    engine = Engine()
    [[message]] = speak(engine, spoken)
    assert engine.texts == []
    assert message.ends_sentence
    assert message.text == f"{spoken} "
    assert len(message.samples) == 0


def test_of_code_it_says_that_it_is_there():
    engine = Engine()
    speak(engine, CODE)
    assert engine.texts == [CODE_PHRASES["en"]]


def test_what_is_left_out_is_one_line_a_reply(caplog):
    caplog.set_level("INFO")
    world = Surroundings()
    stage = world.stage(SecondTTSHandler, Engine())
    for attempt in (1, 1, 2):
        world.process(stage, [Sentence(attempt, "你好 ", "你好")])
    assert sum("not spoken in this reply" in record.message for record in caplog.records) == 2


def test_how_much_was_heard_counts_the_models_text():
    engine = Engine()
    messages = [message for sentence in speak(engine, "It costs $1,234.", "你好", "Yes.") for message in sentence]
    sentences: list[SpokenSentence] = []
    for message in messages:
        if message.text:
            sentences.append(SpokenSentence(message.text, 0, False))
        last = sentences[-1]
        sentences[-1] = SpokenSentence(last.text, last.samples + len(message.samples), message.ends_sentence)
    samples = sum(sentence.samples for sentence in sentences)
    assert heard_text(sentences, samples) == "It costs $1,234. 你好 Yes. "
    assert heard_text(sentences, sentences[0].samples) == "It costs $1,234. "


def test_the_voice_rests_while_its_reply_is_held(monkeypatch):
    class Asking(Engine):
        def stream(self, text, live):
            assert live()
            yield SOUND

    rests = []
    monkeypatch.setattr(Turns, "wait_while_held", lambda self, attempt, seconds: rests.append(attempt) or True)
    world = Surroundings()
    attempt = world.transcribed()
    world.process(world.stage(SecondTTSHandler, Asking()), [Sentence(attempt, "Yes.", "Yes.")])
    assert rests == [attempt]
