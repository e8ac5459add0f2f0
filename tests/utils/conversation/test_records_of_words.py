"""The user's words are shown and remembered once a turn, whatever becomes of the attempts to answer them."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import FakeClock, FakePosition, Surroundings, speak_over
from utils.audio.wire import REPLY_RATE
from utils.conversation.messages import ReplyAudio, Sentence, Transcript, Utterance
from utils.conversation.records import TurnRecords
from utils.conversation.transcript import TranscriptOutput
from utils.metrics.figures import MetricsFile
from utils.turns.chat import Chat, SpokenSentence, heard_text
from utils.turns.turns import Turns


class Words(Surroundings):
    """Surroundings whose turns are played through by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.position = FakePosition()

    def heard_as(self, text: str | None) -> int:
        """A committed attempt; its transcript has come unless `text` is None."""
        attempt = self.transcribed()
        if text is not None:
            self.records.observe(Transcript(attempt, self.turns.turn_of(attempt), text))
        return attempt

    def answer(self, attempt: int, *sentences: str, seconds: float = 1.0) -> None:
        assert self.turns.play(attempt)
        self.records.reply_starts(attempt, self.position)
        for text in sentences:
            self.records.sentence_starts(attempt, text)
            self.records.sent(attempt, int(seconds * REPLY_RATE), True)

    def end(self) -> list[str]:
        """Ends the conversation; the USER lines there were."""
        self.turns.close()
        self.records.close()
        return [line.removeprefix("USER: ") for line in self.lines if line.startswith("USER: ")]

    def remembered(self) -> list[str]:
        return [message["content"] for message in self.chat.messages("now")[:-1]]


@pytest.mark.parametrize("end", ["finish", "cancel", "close"])
def test_words_of_a_superseded_attempt_are_kept_when_the_next_has_none_of_its_own(end):
    """The user went on speaking, and that went wrong (or the client left) before it was transcribed."""
    world = Words()
    world.heard_as("What is")
    speak_over(world.turns)
    attempt = world.heard_as(None)
    if end != "close":
        getattr(world.turns, end)(attempt)
    assert world.end() == ["What is"]
    assert world.remembered() == ["What is"]


def test_words_pass_through_any_number_of_attempts_that_were_not_transcribed():
    world = Words()
    world.heard_as("What is")
    for _ in range(3):
        speak_over(world.turns)
        last = world.heard_as(None)
    world.turns.finish(last)
    assert world.end() == ["What is"]


def test_words_are_shown_when_the_user_interrupts_before_the_first_byte():
    """The attempt is marked playing, but the sender has not begun: its account of the reply never starts."""
    world = Words()
    attempt = world.heard_as("Hello?")
    assert world.turns.play(attempt)
    speak_over(world.turns)
    world.records.reply_starts(attempt, world.position)
    assert world.end() == ["Hello?"]
    assert world.remembered() == ["Hello?"]


def test_the_next_turn_does_not_repeat_the_words_of_the_last():
    world = Words()
    world.heard_as("One")
    speak_over(world.turns)
    world.answer(world.heard_as("One two."), "Three.")
    speak_over(world.turns)
    world.turns.finish(world.heard_as("Four?"))
    world.turns.finish(world.heard_as(None))
    assert world.end() == ["One two.", "Four?"]


def test_the_users_words_come_before_the_answer_and_not_before_it_begins():
    world = Words()
    attempt = world.heard_as("Is it?")
    world.records.observe(Sentence(attempt, "It is. ", "It is."))
    world.records.observe(ReplyAudio(attempt, np.ones(9, dtype=np.int16), "It is. ", True))
    assert world.lines == []
    world.answer(attempt, "It is. ", " \n", "Really.")
    assert world.lines == ["USER: Is it?", "ASSISTANT: It is.", "ASSISTANT: Really."]


STEPS = st.lists(
    st.sampled_from(["say", "say nothing", "speak", "answer", "finish", "cancel", "interrupt at once"]), max_size=25
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_every_turn_shows_its_newest_words_once(steps):
    """A turn's words are those of its newest attempt that had any; a superseded attempt shows nothing of its own."""
    world, live, transcribed, expected, pending = Words(), None, False, [], ""

    def settled() -> None:
        nonlocal pending
        expected.extend([pending] if pending else [])
        pending = ""

    for number, step in enumerate(steps):
        live = live if live is not None and world.turns.live(live) else None
        heard = live is not None and world.turns.state(live).value == "playing"
        if step.startswith("say"):
            if heard:
                pending = ""
            transcribed = step == "say"
            live = world.heard_as(f"words {number}" if transcribed else None)
            pending = f"words {number}" if transcribed else pending
        elif step == "speak":
            speak_over(world.turns)
        elif live is not None and step in ("answer", "interrupt at once") and transcribed and not heard:
            if step == "answer":
                expected.append(pending)
                world.answer(live, "Yes.")
                pending = ""
            else:
                world.turns.play(live)
                speak_over(world.turns)
                settled()
        elif live is not None and step in ("finish", "cancel"):
            getattr(world.turns, step)(live)
            settled()
    settled()
    assert [words for words in world.end() if words] == [words for words in expected if words]


SENTENCES = st.lists(
    st.tuples(st.sampled_from(["One two. ", "Three. ", "Four five six."]), st.floats(0, 3)), max_size=4
)


@settings(max_examples=100, deadline=None)
@given(SENTENCES, st.floats(0, 15))
def test_the_chat_holds_what_was_heard(sentences, heard_s):
    world = Words()
    attempt = world.heard_as("Go on.")
    world.answer(attempt)
    for text, seconds in sentences:
        world.records.sentence_starts(attempt, text)
        world.records.sent(attempt, int(seconds * REPLY_RATE), True)
    spoken = [SpokenSentence(text, int(seconds * REPLY_RATE), True) for text, seconds in sentences]
    world.position.heard_samples = min(int(heard_s * REPLY_RATE), sum(sentence.samples for sentence in spoken))
    reply = heard_text(spoken, world.position.heard_samples).strip()
    speak_over(world.turns)
    world.position.heard_samples = 0  # what the listener hears later changes nothing
    assert world.remembered() == ["Go on.", *([f"{reply}…"] if reply else [])]
    assert "".join(text for text, _ in sentences).startswith(reply)


def test_the_figures_are_those_of_the_clock(tmp_path):
    clock, file = FakeClock(50.0), MetricsFile(tmp_path / "turns.jsonl")
    records = TurnRecords(Chat(4), TranscriptOutput(io.StringIO()), clock, file, lambda: 1e9)
    turns, position = Turns(records.ended, clock), FakePosition(REPLY_RATE // 2, ends=53.0)
    turns.subscribe(records.report)
    attempt = turns.begin()
    turns.commit(attempt)
    utterance, transcript = Utterance(attempt, 1, np.zeros(0, dtype=np.float32), 50.0), Transcript(attempt, 1, "Hi.")
    sentences = [Sentence(attempt, "Yes. ", "Yes."), Sentence(attempt, "No.", "No.")]
    steps = [
        (0.25, lambda: records.observe(utterance)),
        (0.0625, lambda: records.taken(utterance)),
        (0.0625, lambda: records.observe(transcript)),
        (0.125, lambda: records.taken(transcript)),
        (0.375, lambda: records.observe(sentences[0])),
        (0.25, lambda: records.taken(sentences[0])),
        (0.75, lambda: records.observe(sentences[1])),  # only the first counts
        (0.0, lambda: records.taken(sentences[1])),
        (0.0625, lambda: records.observe(ReplyAudio(attempt, np.zeros(0, dtype=np.int16), "Yes. ", False))),  # no audio
        (0.0625, lambda: records.observe(ReplyAudio(attempt, np.ones(4, dtype=np.int16), "", True))),
        (0.0, lambda: turns.play(attempt)),
        (0.5, lambda: records.reply_starts(attempt, position)),
        (0.0, lambda: records.sentence_starts(attempt, "Yes. ")),
        (0.0, lambda: records.sent(attempt, REPLY_RATE, False)),
        (3.0, lambda: speak_over(turns)),
    ]
    for seconds, act in steps:
        clock.advance(seconds)
        act()
    file.close()
    assert json.loads((tmp_path / "turns.jsonl").read_text()) == {
        "turn": 1, "commit_ms": 250.0, "stt_ms": 125.0, "lm_first_sentence_ms": 500.0, "tts_first_audio_ms": 1_125.0,
        "between_stages_ms": 62.5 + 125 + 250 + 500, "voice_to_voice_ms": 2_500.0, "reply_audio_ms": 1_000.0,
        "interrupted": True, "interrupted_at_ms": 500.0, "false_interruptions": 0, "end_of_turn_score": None,
        "speculative_attempts": 0, "speculation_hit": False, "underruns": 0, "begun_ms": 250.0, "failed": False,
        "moments": {
            "conversation_at": 1e9, "spoke_from": None, "spoke_until": 0.0, "begun_early": [], "begun": 0.25,
            "committed": 0.25, "transcript": 0.375, "first_sentence": 0.875, "first_audio": 2.0, "first_byte": 2.5,
            "heard_until": 3.0, "holds": [[5.5, 5.5]], "cancelled": 5.5,
        },
    }  # fmt: skip


def test_an_attempt_that_was_superseded_is_not_measured(tmp_path):
    world, file = Words(), MetricsFile(tmp_path / "turns.jsonl")
    world.records._sink = file
    world.heard_as("One")
    speak_over(world.turns)
    world.answer(world.heard_as("One two."), "Three.")
    world.end()
    file.close()
    turns = [json.loads(line) for line in (tmp_path / "turns.jsonl").read_text().splitlines()]
    assert [(turn["turn"], turn["interrupted"]) for turn in turns] == [(1, True)]
