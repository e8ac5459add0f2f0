"""What is shown, remembered and measured of a turn."""

from __future__ import annotations

import io
import json
import threading

import numpy as np
import pytest

from tests.fakes import speak_over
from utils.conversation.messages import ReplyAudio, Sentence, Transcript, Utterance
from utils.conversation.records import TurnRecords
from utils.conversation.transcript import TranscriptOutput
from utils.metrics.figures import MetricsFile, TurnMetrics, latency_line
from utils.turns.chat import Chat
from utils.turns.turns import Turns

RATE = 44_100


class Position:
    """How much a listener has heard."""

    samples = 0
    ends = 0.0

    def heard(self, now: float) -> int:
        return self.samples

    def ends_at(self) -> float:
        return self.ends


class World:
    """One conversation's records with a clock that stands until it is moved."""

    def __init__(self, metrics: MetricsFile | None = None) -> None:
        self.now = 100.0
        self.stream = io.StringIO()
        self.chat = Chat(10)
        self.records = TurnRecords(self.chat, TranscriptOutput(self.stream), lambda: self.now, metrics)
        self.turns = Turns(self.records.ended, lambda: self.now)
        self.turns.subscribe(self.records.report)
        self.position = Position()

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def transcribe(self, text: str) -> int:
        attempt = self.turns.begin()
        self.turns.commit(attempt)
        self.now += 0.25
        audio = np.zeros(0, dtype=np.float32)
        self.records.observe(Utterance(attempt, self.turns.turn_of(attempt), audio, self.now - 0.25))
        self.now += 0.4
        self.records.observe(Transcript(attempt, self.turns.turn_of(attempt), text))
        return attempt

    def answer(self, attempt: int, *sentences: str, seconds: float = 1.0) -> None:
        for number, text in enumerate(sentences):
            self.now += 0.3
            self.records.observe(Sentence(attempt, text, text))
            self.now += 0.1
            self.records.observe(ReplyAudio(attempt, np.ones(10, dtype=np.int16), text, True))
            if number == 0:
                self.turns.play(attempt)
                self.records.reply_starts(attempt, self.position)
            self.records.sentence_starts(attempt, text)
            self.records.sent(attempt, int(seconds * RATE), True)


def test_an_answered_turn(tmp_path):
    metrics = MetricsFile(tmp_path / "turns.jsonl")
    world = World(metrics)
    attempt = world.transcribe("What  is\nit?")
    assert world.lines == []
    world.answer(attempt, "It is this. ", "And\nthat.")
    assert world.lines == ["USER: What is it?", "ASSISTANT: It is this.", "ASSISTANT: And that."]
    world.turns.finish(attempt)
    assert world.lines[3] == (
        "LATENCY: turn 1: silence window 250 ms, STT 400 ms, LM first sentence 300 ms, TTS first audio 100 ms, "
        "total 1050 ms; reply 2.0 s"
    )
    assert world.chat.messages("x")[:2] == [
        {"role": "user", "content": "What  is\nit?"},
        {"role": "assistant", "content": "It is this. And\nthat."},
    ]
    metrics.close()
    turns = [json.loads(line) for line in (tmp_path / "turns.jsonl").read_text().splitlines()]
    assert [{name: value for name, value in turn.items() if name != "moments"} for turn in turns] == [
        {
            "turn": 1, "commit_ms": 250.0, "stt_ms": 400.0, "lm_first_sentence_ms": 300.0, "tts_first_audio_ms": 100.0,
            "between_stages_ms": 0.0, "voice_to_voice_ms": 1050.0, "reply_audio_ms": 2000.0, "interrupted": False,
            "interrupted_at_ms": None, "false_interruptions": 0, "end_of_turn_score": None,
            "speculative_attempts": 0, "speculation_hit": False, "underruns": 0, "begun_ms": 250.0,
            "failed": False,
        }
    ]  # fmt: skip


def test_the_chat_keeps_what_was_heard_of_an_interrupted_reply():
    world = World()
    attempt = world.transcribe("Tell me.")
    world.answer(attempt, "One two three. ", "Four five six.", seconds=3.0)
    world.position.samples = 5 * RATE
    speak_over(world.turns)
    assert world.chat.messages("x")[1]["content"] == "One two three. Four five…"
    assert world.lines[-1].endswith("reply 6.0 s (interrupted)")


def test_a_sentence_that_is_spoken_in_pieces_is_one_line_and_one_text():
    world = World()
    attempt = world.transcribe("What is it?")
    world.answer(attempt, "Hm. ")
    world.records.sentence_starts(attempt, "It is this,", True)
    world.records.sent(attempt, RATE, True)
    assert world.lines[1:] == ["ASSISTANT: Hm."]
    world.records.sentence_starts(attempt, " and this, ", True)
    world.records.sentence_starts(attempt, "and that. ")
    assert world.lines[1:] == ["ASSISTANT: Hm.", "ASSISTANT: It is this, and this, and that."]
    world.turns.finish(attempt)
    assert world.lines[3].startswith("LATENCY")
    assert world.chat.messages("x")[1]["content"] == "Hm. It is this, and this, and that."


@pytest.mark.parametrize("end", ["finish", "cancel", "interrupt"])
def test_the_pieces_that_had_begun_are_shown_when_the_reply_ends_within_a_sentence(end):
    world = World()
    attempt = world.transcribe("What is it?")
    world.answer(attempt)
    world.turns.play(attempt)
    world.records.reply_starts(attempt, world.position)
    world.records.sentence_starts(attempt, "It is this,", True)
    world.records.sent(attempt, RATE, True)
    world.position.samples = RATE
    speak_over(world.turns) if end == "interrupt" else getattr(world.turns, end)(attempt)
    assert world.lines[1] == "ASSISTANT: It is this,"
    assert world.lines[2].startswith("LATENCY")
    assert world.chat.messages("x")[1]["content"].startswith("It is this,")


def test_nothing_of_a_superseded_attempt_is_seen():
    world = World()
    world.transcribe("What is")
    speak_over(world.turns)
    attempt = world.transcribe("What is it?")
    world.answer(attempt, "This.")
    world.turns.finish(attempt)
    assert [line for line in world.lines if line.startswith("USER")] == ["USER: What is it?"]
    assert len(world.chat.messages("x")) == 3
    world.records.close()
    assert sum(line.startswith("USER") for line in world.lines) == 1


def test_an_unanswered_turn_is_shown_when_it_ends():
    world = World()
    attempt = world.transcribe("Hello?")
    world.turns.finish(attempt)
    assert world.lines[0] == "USER: Hello?"
    assert "LM first sentence -" in world.lines[1]
    assert world.chat.messages("x")[0] == {"role": "user", "content": "Hello?"}


def test_words_that_were_never_answered_are_shown_at_the_end():
    world = World()
    world.transcribe("And then")
    speak_over(world.turns)
    world.turns.close()
    world.records.close()
    assert world.lines == ["USER: And then"]


def test_a_discarded_attempt_leaves_no_trace():
    world = World()
    attempt = world.turns.begin()
    world.turns.commit(attempt)
    world.records.observe(Utterance(attempt, 1, np.zeros(0, dtype=np.float32), world.now))
    world.turns.discard(attempt)
    world.records.close()
    assert world.lines == []
    assert len(world.chat.messages("x")) == 1


def test_late_messages_are_ignored():
    world = World()
    attempt = world.transcribe("Hi.")
    world.turns.cancel(attempt)
    before = list(world.lines)
    world.records.observe(Transcript(attempt, 1, "late"))
    world.records.sentence_starts(attempt, "late")
    world.records.sent(attempt, 10, False)
    world.records.reply_starts(attempt, world.position)
    assert world.lines == before


def test_a_pipe_that_broke_does_not_end_the_conversation():
    stream = io.StringIO()
    stream.close()
    output = TranscriptOutput(stream)
    output.user("a")
    output.assistant("b")


def test_a_metrics_file_that_cannot_be_written_is_said_at_once(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        MetricsFile(tmp_path / "none" / "turns.jsonl")


def test_the_line_of_a_turn_that_did_not_come_far():
    line = latency_line(TurnMetrics(3, 250.4, None, None, None, None, None, 0.0, False, None, 0, None))
    assert line == (
        "LATENCY: turn 3: silence window 250 ms, STT -, LM first sentence -, TTS first audio -, total -; reply 0.0 s"
    )


# --- the first piece of a reply and the voice


def test_the_voice_is_waited_for_from_the_first_piece_to_its_first_audio():
    world = World()
    attempt = world.transcribe("Hello.")
    assert world.records.wait_for_voice(attempt, 0.0)
    world.records.observe(Sentence(attempt, "Hi. ", "Hi."))
    assert not world.records.wait_for_voice(attempt, 0.0)
    world.records.observe(ReplyAudio(attempt, np.zeros(10, dtype=np.int16), "Hi. ", False))
    assert world.records.wait_for_voice(attempt, 0.0)


def test_a_piece_with_nothing_to_say_is_not_waited_for():
    world = World()
    attempt = world.transcribe("Hello.")
    world.records.observe(Sentence(attempt, ":-) ", ""))
    world.records.observe(ReplyAudio(attempt, np.zeros(0, dtype=np.int16), ":-) ", True))
    assert world.records.wait_for_voice(attempt, 0.0)


def test_who_waits_for_the_voice_wakes_when_the_attempt_ends():
    world = World()
    attempt = world.transcribe("Hello.")
    world.records.observe(Sentence(attempt, "Hi. ", "Hi."))
    waiting = threading.Thread(target=lambda: world.records.wait_for_voice(attempt, 300.0), daemon=True)
    waiting.start()
    world.turns.cancel(attempt)
    waiting.join(10)
    assert not waiting.is_alive()
