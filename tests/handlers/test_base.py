"""The loop that every stage runs in."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import CancelledError

import pytest

from handlers.base import BaseHandler
from tests.fakes import RunningStage, Surroundings
from tests.waiting import DEADLINE_S
from utils.conversation.messages import InputEnded, ReplyEnd, Sentence, Transcript
from utils.turns.turns import State


class Speller(BaseHandler):
    """Gives a sentence out letter by letter; some texts are traps."""

    handles = (Transcript,)
    engine_type = dict

    def setup(self, engine):
        self.log = engine

    def process(self, message, live):
        try:
            if message.text == "cancelled":
                raise CancelledError
            for letter in message.text:
                if letter == "!":
                    raise KeyError("broken")
                yield Sentence(message.attempt, letter, letter)
                if letter == "~":
                    self.log["turns"].cancel(message.attempt)
            yield ReplyEnd(message.attempt)
        finally:
            self.log.setdefault("closed", []).append(message.text)

    def cleanup(self):
        self.log["cleaned"] = self.log.get("cleaned", 0) + 1


@pytest.fixture
def world():
    return Surroundings()


def outputs(stage, count):
    return [stage.outbox.get() for _ in range(count)]


def test_messages_are_processed_and_others_passed_on_in_order(world):
    attempt, log = world.committed(), {}
    with RunningStage(world, Speller, log) as stage:
        for message in (InputEnded(), Transcript(attempt, 1, "ab"), ReplyEnd(attempt), InputEnded()):
            stage.inbox.put(message)
        assert outputs(stage, 6) == [
            InputEnded(), Sentence(attempt, "a", "a"), Sentence(attempt, "b", "b"), ReplyEnd(attempt),
            ReplyEnd(attempt), InputEnded(),
        ]  # fmt: skip
    assert log == {"closed": ["ab"], "cleaned": 1}


def test_an_attempt_that_ends_between_two_outputs_stops_there_and_cleans_up(world):
    attempt, log = world.committed(), {"turns": world.turns}
    with RunningStage(world, Speller, log) as stage:
        stage.inbox.put(Transcript(attempt, 1, "a~bc"))
        stage.inbox.put(InputEnded())
        assert outputs(stage, 1) == [InputEnded()]
    assert log["closed"] == ["a~bc"]


def test_a_stale_message_is_never_processed(world):
    attempt, log = world.committed(), {}
    stage = world.stage(Speller, log)
    world.turns.cancel(attempt)
    stage._take(Transcript(attempt, 1, "a"))
    assert log == {}


def test_an_exception_ends_the_turn_once_and_the_next_works(world, caplog):
    broken, log = world.committed(), {}
    with RunningStage(world, Speller, log) as stage:
        for text in ("a!b", "c"):
            stage.inbox.put(Transcript(broken, 1, text))
        stage.inbox.put(ReplyEnd(broken))
        stage.inbox.put(InputEnded())
        assert outputs(stage, 3) == [Sentence(broken, "a", "a"), ReplyEnd(broken, failed=True), InputEnded()]
        world.turns.finish(broken)
        fine = world.committed()
        stage.inbox.put(Transcript(fine, 2, "d"))
        assert outputs(stage, 2) == [Sentence(fine, "d", "d"), ReplyEnd(fine)]
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info[0] is KeyError


def test_a_last_stage_that_fails_finishes_the_attempt(world):
    attempt = world.committed()
    ended = threading.Event()
    world.turns.subscribe(lambda: world.turns.live(attempt) or ended.set())
    with RunningStage(world, Speller, {}, last=True) as stage:
        stage.inbox.put(Transcript(attempt, 1, "!"))
        assert ended.wait(DEADLINE_S)
    assert world.turns.state(attempt) is State.DONE


def test_a_cancelled_engine_call_is_no_error(world, caplog):
    attempt = world.committed()
    with RunningStage(world, Speller, {}) as stage:
        stage.inbox.put(Transcript(attempt, 1, "cancelled"))
        stage.inbox.put(InputEnded())
        assert outputs(stage, 1) == [InputEnded()]
    assert not caplog.records
