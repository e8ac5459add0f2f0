"""A reply player alone: a client in memory, a clock that moves where the player waits, a script of what happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from tests.fakes import Surroundings, speak_over
from tests.fakes_transport import FakeTransport
from utils.conversation.messages import ReplyAudio, ReplyEnd, Transcript
from utils.conversation.reply_player import ReplyPlayer
from utils.turns.turns import State, Turns

RATE = 44_100
LEAD = 4_410  # samples: 0.1 s
CHUNK = 1_024  # samples: 2,048 bytes


class ScriptedTurns(Turns):
    """Waits by moving the clock to what happens next. `script`: (seconds on the clock, what happens then), in order."""

    def __init__(self, world: Surroundings) -> None:
        super().__init__(world.records.ended, world.clock)
        self._clock = world.clock
        self.script: list[tuple[float, Callable[[], object]]] = []

    def play(self, attempt: int) -> bool:
        while self.state(attempt) in (State.PREPARING, State.COMMITTED) and not self.may_play(attempt):
            self.next_step()
        return super().play(attempt)

    def wait_audible(self, attempt: int) -> bool:
        while self.state(attempt) is State.HELD:
            self.next_step()
        return super().wait_audible(attempt)

    def wait_while_playing(self, attempt: int, seconds: float) -> bool:
        until = self._clock() + seconds
        while self.state(attempt) is State.PLAYING and self.script and self.script[0][0] <= until:
            self.next_step()
        if self.state(attempt) is State.PLAYING:
            self._clock.now = max(self._clock(), until)
        return super().wait_while_playing(attempt, 0.0)

    def next_step(self) -> None:
        """What happens next; at the end of the script, whoever made a sound is found to have said nothing."""
        at, act = self.script.pop(0) if self.script else (self._clock(), lambda: self.doubt(False))
        self._clock.now = max(self._clock(), at)
        act()


class World(Surroundings):
    """A conversation around one player."""

    def __init__(self, lead_s: float = LEAD / RATE, can_clear: bool = False) -> None:
        super().__init__()
        self.turns = ScriptedTurns(self)
        self.turns.subscribe(self.records.report)
        self.context = dataclasses.replace(self.context, turns=self.turns)
        self.transport = FakeTransport(self.clock, lead_s, can_clear=can_clear)
        self.player = ReplyPlayer(self.transport, self.context)
        self.positions: dict[int, object] = {}
        starts = self.records.reply_starts
        self.records.reply_starts = lambda attempt, position: (
            self.positions.__setitem__(attempt, position),
            starts(attempt, position),
        )

    def asked(self, words: str = "Hello?") -> int:
        """A committed attempt at answering these words."""
        attempt = self.transcribed()
        self.records.observe(Transcript(attempt, self.turns.turn_of(attempt), words))
        return attempt

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """It happens so long after the beginning."""
        self.turns.script.append((1_000.0 + seconds, act))

    def interrupt(self) -> None:
        speak_over(self.turns)

    def play(self, attempt: int, value: int, *counts: int, text: str = "Words.") -> None:
        """So many samples of this value, one message a count."""
        for number, count in enumerate(counts):
            audio = np.full(count, value, dtype=np.int16)
            last = number == len(counts) - 1
            self.player.play(ReplyAudio(attempt, audio, "" if number else text, last))

    def finish(self, attempt: int, failed: bool = False) -> None:
        self.player.finish(ReplyEnd(attempt, failed))

    @property
    def seconds(self) -> float:
        return self.clock() - 1_000.0


def pcm(value: int, count: int) -> bytes:
    return int(value).to_bytes(2, "little") * count


def silence(samples: int) -> bytes:
    """The padding after so many samples."""
    return bytes(2 * (-samples % CHUNK))
