"""When what of a turn happened, by the clock: what the timeline is drawn from."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FakeClock, FakePosition
from utils.conversation.messages import ReplyAudio, ReplyEnd, Sentence, Transcript, Utterance
from utils.conversation.records import TurnRecords
from utils.conversation.transcript import TranscriptOutput
from utils.conversation.turn_record import TurnRecord
from utils.metrics.figures import TurnMetrics
from utils.metrics.moments import Beginning, moments
from utils.turns.attempts import Ended, State
from utils.turns.chat import Chat
from utils.turns.turns import Turns

STARTED = 500.0
UNIX = 1_764_000_000.25
SILENCE = np.zeros(0, dtype=np.float32)


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.turns: list[TurnMetrics] = []

    def write(self, metrics: TurnMetrics) -> None:
        self.turns.append(metrics)

    def close(self) -> None:
        pass


class Talk:
    """A conversation that began at STARTED on a clock that stands until it is moved."""

    def __init__(self) -> None:
        self.clock = FakeClock(STARTED)
        self.kept = Kept()
        output = TranscriptOutput(io.StringIO())
        self.records = TurnRecords(Chat(4), output, self.clock, self.kept, lambda: UNIX)
        self.turns = Turns(self.records.ended, self.clock)
        self.turns.subscribe(self.records.report)

    def at(self, second: float) -> float:
        """Let the clock be so far after the beginning; the moment on the clock."""
        self.clock.now = STARTED + second
        return self.clock.now

    def begin(self, second: float, spoke: tuple[float, float], speculative: bool = False) -> int:
        """An attempt begun then, about what was said from … to …"""
        self.at(second)
        attempt = self.turns.begin()
        first, last = (STARTED + moment for moment in spoke)
        self.records.observe(Utterance(attempt, self.turns.turn_of(attempt), SILENCE, last, speculative, first))
        return attempt

    def understand(self, second: float, attempt: int, text: str = "Hello there.") -> None:
        self.at(second)
        self.records.observe(Transcript(attempt, self.turns.turn_of(attempt), text))
        self.turns.confirm(attempt)

    def over(self, second: float, attempt: int) -> None:
        self.at(second)
        assert self.turns.commit(attempt)
        self.records.turn_over(attempt, 0.9)

    def speak(self, second: float, attempt: int, position: FakePosition) -> None:
        """The reply's first sentence, audio and byte, a tenth of a second apart."""
        self.at(second)
        self.records.observe(Sentence(attempt, "Hm.", "Hm."))
        self.at(second + 0.1)
        self.records.observe(ReplyAudio(attempt, np.ones(4, dtype=np.int16), "Hm.", True))
        self.at(second + 0.2)
        assert self.turns.play(attempt)
        self.records.reply_starts(attempt, position)
        self.records.sentence_starts(attempt, "Hm.")
        self.records.sent(attempt, 44_100, True)


def test_a_turn_with_a_pause_for_thought_and_a_cough_over_the_reply():
    talk, position = Talk(), FakePosition(44_100, ends=STARTED + 6.5)
    talk.begin(2.0, (1.0, 1.95), speculative=True)
    talk.turns.user_speaks()  # goes on, surely
    attempt = talk.begin(3.0, (1.0, 2.9), speculative=True)
    talk.understand(3.2, attempt)
    talk.over(3.3, attempt)
    talk.speak(3.5, attempt, position)
    for start, end in ((4.0, 4.75), (5.0, 5.5)):
        talk.at(start)
        talk.turns.doubt(True)
        talk.at(end)
        talk.turns.doubt(False)
    talk.at(6.0)
    talk.turns.finish(attempt)
    (turn,) = talk.kept.turns
    found = turn.moments
    assert found.conversation_at == UNIX
    assert (found.spoke_from, found.spoke_until) == (1.0, 2.9)
    assert found.begun_early == (2.0, 3.0)
    assert (found.begun, found.committed) == (3.0, 3.3)
    assert (found.transcript, found.first_sentence, found.first_audio, found.first_byte) == (3.2, 3.5, 3.6, 3.7)
    assert found.heard_until == 6.5
    assert found.holds == ((4.0, 4.75), (5.0, 5.5))
    assert found.cancelled is None
    assert (turn.speculative_attempts, turn.false_interruptions, turn.outcome) == (2, 2, "answered")


def test_an_interruption_is_a_hold_that_ends_with_the_reply():
    talk, position = Talk(), FakePosition(22_050, ends=STARTED + 4.7)
    attempt = talk.begin(2.0, (1.0, 1.7))
    talk.understand(2.2, attempt)
    talk.over(2.2, attempt)
    talk.speak(2.5, attempt, position)
    talk.at(4.5)
    talk.turns.user_speaks()
    talk.at(5.5)
    talk.turns.interrupt()
    (turn,) = talk.kept.turns
    assert turn.moments.holds == ((4.5, 5.5),)
    assert (turn.moments.cancelled, turn.moments.heard_until) == (5.5, 4.7)
    assert (turn.outcome, turn.false_interruptions) == ("interrupted", 0)


def test_a_client_that_hangs_up_in_mid_reply_leaves_no_hold():
    talk = Talk()
    attempt = talk.begin(2.0, (1.0, 1.7))
    talk.understand(2.2, attempt)
    talk.over(2.2, attempt)
    talk.speak(2.5, attempt, FakePosition(ends=STARTED + 3.7))
    talk.at(3.0)
    talk.turns.close()
    (turn,) = talk.kept.turns
    assert (turn.moments.holds, turn.moments.cancelled, turn.outcome) == ((), 3.0, "interrupted")


def test_a_younger_attempt_that_says_the_same_is_an_early_begin_of_the_older_one():
    talk = Talk()
    older = talk.begin(2.0, (1.0, 1.9), speculative=True)
    talk.understand(2.2, older)
    talk.turns.user_speaks(words=False)
    younger = talk.begin(2.6, (1.0, 2.5), speculative=True)
    assert talk.turns.keep_spared(younger)
    talk.over(2.9, older)
    talk.speak(3.0, older, FakePosition(ends=STARTED + 4.0))
    talk.turns.finish(older)
    (turn,) = talk.kept.turns
    assert turn.moments.begun_early == (2.0, 2.6)
    assert (turn.moments.begun, turn.moments.spoke_until) == (2.0, 2.5)


@pytest.mark.parametrize("words", ["What is it?", ""])
def test_a_turn_in_which_a_stage_broke_has_failed(words):
    talk = Talk()
    attempt = talk.begin(2.0, (1.0, 1.7))
    if words:
        talk.understand(2.2, attempt, words)
    talk.over(2.3, attempt)
    talk.records.observe(ReplyEnd(attempt, failed=True))
    talk.at(2.5)
    talk.turns.finish(attempt)
    (turn,) = talk.kept.turns
    assert (turn.outcome, turn.moments.transcript, turn.moments.first_byte) == ("failed", 2.2 if words else None, None)


def test_words_that_the_conversation_ended_before_are_unanswered():
    talk = Talk()
    attempt = talk.begin(2.0, (1.0, 1.7))
    talk.understand(2.2, attempt)
    talk.turns.close()
    (turn,) = talk.kept.turns
    assert (turn.outcome, turn.moments.heard_until, turn.moments.cancelled) == ("unanswered", None, None)


MOMENT = st.floats(0, 10_000)


@given(began=st.floats(-1e5, 1e5), steps=st.lists(st.floats(0, 100), min_size=8, max_size=8), early=st.lists(MOMENT))
def test_moments_keep_their_order_and_lie_after_the_beginning(began, steps, early):
    times = [began + passed for passed in itertools.accumulate(steps)]
    record = TurnRecord(times[1], times[2], times[3])
    record.first_voiced_at, record.speculative_begins = times[0], [began + moment for moment in early]
    record.transcript_at, record.first_sentence_at, record.first_audio_at, record.first_byte_at = times[4:]
    ended = Ended(1, 1, State.DONE, heard=True, superseded=False, holds=((times[7], times[7] + 1),))
    found = moments(record, ended, Beginning(began, UNIX))
    order = [
        found.spoke_from, found.spoke_until, found.begun, found.committed, found.transcript, found.first_sentence,
        found.first_audio, found.first_byte,
    ]  # fmt: skip
    assert order == sorted(order)
    assert order[0] >= 0
    assert list(found.begun_early) == sorted(found.begun_early)
    assert [round(end - start) for start, end in found.holds] == [1]
