"""Fakes that stand in for a conversation around one stage."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable
from typing import Any

from utils.conversation.context import Context
from utils.conversation.messages import Message, Utterance
from utils.conversation.queue import StageQueue
from utils.conversation.records import TurnRecords
from utils.conversation.transcript import TranscriptOutput
from utils.turns.chat import Chat
from utils.turns.turns import Turns


class FakeClock:
    """Seconds that pass only when told to."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def speak_over(turns: Turns) -> None:
    """The user speaks, and for so long that it is an interruption if a reply is heard."""
    turns.user_speaks()
    turns.interrupt()


class Surroundings:
    """A conversation's shared state, real, on a fake clock; what it prints is in `lines`."""

    def __init__(self, clock: Any = None, chat: Chat | None = None) -> None:
        self.clock = clock or FakeClock()
        self.chat = chat or Chat(10)
        self._stream = io.StringIO()
        self.records = TurnRecords(self.chat, TranscriptOutput(self._stream), self.clock)
        self.turns = Turns(self.records.ended, self.clock)
        self.turns.subscribe(self.records.report)
        self.hung_up: list[str] = []
        self.over = threading.Event()
        self.context = Context(self.turns, self.records, self.chat, self.clock, self._hang_up)

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()

    def committed(self) -> int:
        """A new committed attempt; over a reply, one that has words."""
        attempt = self.turns.begin()
        assert self.turns.confirm(attempt)
        assert self.turns.commit(attempt)
        return attempt

    def transcribed(self, audio: Any = ()) -> int:
        """A new committed attempt whose utterance the records know."""
        attempt = self.committed()
        self.records.observe(Utterance(attempt, self.turns.turn_of(attempt), audio, self.clock()))
        return attempt

    def stage(self, handler: type, engine: Any) -> Any:
        """A stage of this conversation, set up, without a thread."""
        queues = [StageQueue(1_000, self.turns.live) for _ in range(2)]
        made = handler(self.context, *queues)
        made.setup(engine)
        return made

    def process(self, stage: Any, messages: Iterable[Message]) -> list[Message]:
        """What a stage makes of these messages, through its own `process`."""
        return [out for message in messages for out in stage.process(message, lambda: not self.turns.closed)]

    def _hang_up(self, reason: str) -> None:
        self.hung_up.append(reason)
        self.over.set()


class RunningStage:
    """A stage in the real loop, on a real thread, between two real queues."""

    def __init__(self, surroundings: Surroundings, handler: type, engine: Any, last: bool = False) -> None:
        self.inbox = StageQueue(1_000, surroundings.turns.live)
        self.outbox = StageQueue(1_000, surroundings.turns.live)
        for queue in (self.inbox, self.outbox):
            surroundings.turns.subscribe(queue.drop_stale)
        self.handler = handler(surroundings.context, self.inbox, None if last else self.outbox)
        self.handler.setup(engine)
        self._thread = threading.Thread(target=self.handler.run, daemon=True)

    def __enter__(self) -> RunningStage:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.inbox.shut_down()
        self._thread.join(10)
        assert not self._thread.is_alive()


class FakePosition:
    """A playing position that a test moves: `heard_samples` of 44.1 kHz audio have been heard; `ends`: of it, clock."""

    def __init__(self, heard_samples: int = 0, ends: float = 0.0) -> None:
        self.heard_samples = heard_samples
        self.ends = ends

    def heard(self, now: float) -> int:
        return self.heard_samples

    def ends_at(self) -> float:
        return self.ends
