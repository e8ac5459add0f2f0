"""People who talk with assistants on one card, all simulated but the scheduling policy, which is the server's own.

Each asks, hears an answer to its end, thinks, and asks again. While they speak, the language model reads ahead. The
arithmetic behind `benchmarks.scheduler_simulation`: no models, no clock.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from utils.engines.costs import MeasuredSteps
from utils.engines.demands import Capacity, Demand, Order, Part, Plan, StepKind
from utils.engines.figures import Figures
from utils.engines.policy import Policy

PIECE_S = 8 * 512 / 44_100  # of audio that a step of the voice makes: 8 frames
FIRST_PIECES = 2  # of an utterance before its first sound: the codec waits for what follows
ROOM_S = 2.0  # of audio ahead of the listener; then the voice is parked
TOKEN_S = 0.31  # of speech: 150 words a minute, 1.3 tokens each
FIRST_CLAUSE, CLAUSE = 8, 16  # tokens
CLAUSES_AHEAD = 2  # that wait for the voice; then the language model is parked
SHORTEST, LONGEST = 20, 80  # tokens of an answer
THINKS_S = (1.0, 5.0)  # from the end of an answer to the end of the next question
COMING_S = 20.0  # people come within so long, about as long as a question and its answer take: not all at once
READS_AHEAD = 3  # prompt steps while somebody speaks

Work = Generator[Plan, None, None]
"""Yields what its next step is, and goes on when that step is over."""


@dataclass(frozen=True)
class Card:
    """What steps take on it."""

    name: str
    """For the reader."""

    at_a_time: int
    """Steps that it makes at the same moment."""

    kinds: dict[str, StepKind]
    """By their names, such as "lm token"."""

    times_s: dict[str, tuple[float, float]]
    """Of a step for one job, and for each further one."""

    def step_s(self, kind: StepKind, batch: int) -> float:
        """Seconds of a step for so many jobs."""
        one, more = self.times_s[f"{kind.part} {kind.name}"]
        return one + more * (batch - 1)


def read_card(file: Path) -> Card:
    """See `benchmarks/step_times.json`."""
    table = json.loads(file.read_text(encoding="utf-8"))
    kinds, times = {}, {}
    for name, step in table["steps"].items():
        part, what = name.split()
        kinds[name] = StepKind(part, Part(part), what, max_batch=step["max_batch"])
        times[name] = step["ms"] / 1_000, step["more_ms"] / 1_000
    return Card(table["card"], table["at_a_time"], kinds, times)


@dataclass
class Reply:
    """What its listener had of it."""

    asked_at: float
    """When the question was over."""

    first_s: float
    """From then to the first sound."""

    gaps_s: list[float] = field(default_factory=list)
    """Each time there was nothing more to hear yet."""


class Simulation:
    """So many people on one card, for so many seconds."""

    def __init__(self, card: Card, people: int, order: Order, seed: int) -> None:
        self.card = card
        self.policy = Policy(Capacity(card.at_a_time), MeasuredSteps(), order=order, max_wait_s=1.0)
        self.now = 0.0
        self.replies: list[Reply] = []
        self.busy_s = 0.0
        self._works: dict[int, tuple[Work, Callable[[], None]]] = {}
        self._given: set[int] = set()  # jobs with an output in the step that has ended
        self._parked: set[int] = set()  # jobs that have enough after it
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._people = [Person(self, random.Random(f"{seed}/{number}")) for number in range(people)]

    def run(self, seconds: float) -> Figures:
        """Until then. Returns how things stand at the end."""
        while self._events and self._events[0][0] < seconds:
            self.now, _, event = heapq.heappop(self._events)
            event()
            for grant in self.policy.choose(self.now):
                step_s = self.card.step_s(grant.kind, len(grant.jobs))
                self.busy_s += step_s
                self.at(self.now + step_s, partial(self._finish, grant.kind.lane, grant.jobs))
        return self.policy.figures(seconds)

    def waiting_s(self) -> list[float]:
        """How long each of those has waited who wait for a first sound."""
        return [self.now - person.waits_since for person in self._people if person.waits_since is not None]

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Something happens then."""
        heapq.heappush(self._events, (time, next(self._numbers), event))

    def begin(self, work: Work, demand: Demand, over: Callable[[], None]) -> int:
        """A job. Returns its number; `over` is called at its end."""
        number = next(self._numbers)
        self._works[number] = work, over
        self.policy.add(number, next(work), demand, self.now)
        return number

    def gave(self, number: int) -> None:
        """The job's step that is over has had an output."""
        self._given.add(number)

    def park(self, number: int) -> None:
        """The job whose step is over has enough."""
        self._parked.add(number)

    def wake(self, number: int) -> None:
        """The job may go on, if it was parked."""
        self.policy.wake(number, self.now)

    def _finish(self, lane: str, numbers: tuple[int, ...]) -> None:
        self._given.clear()
        self._parked.clear()
        ended = []
        for number in numbers:
            try:
                self.policy.plan(number, next(self._works[number][0]))
            except StopIteration:
                ended.append(number)
        self.policy.finished(lane, self.now, self._given)
        for number in self._parked:
            self.policy.park(number)
        for number in ended:
            self.policy.end(number)
            self._works.pop(number)[1]()


class Person:
    """Asks and listens, again and again."""

    def __init__(self, simulation: Simulation, chance: random.Random) -> None:
        self._simulation = simulation
        self._chance = chance
        self._clauses: deque[int] = deque()  # tokens of those that wait for the voice
        self._voice = self._model = -1  # their jobs' numbers
        self.waits_since: float | None = None  # for a first sound
        self._asked_at = self._dry_at = 0.0
        self._reply: Reply | None = None
        self._text_over = False
        simulation.at(chance.uniform(0, COMING_S), self._think)

    # --- the conversation

    def _think(self) -> None:
        asks_at = self._simulation.now + self._chance.uniform(*THINKS_S)
        self._simulation.at(max(self._simulation.now, asks_at - 1.0), self._speak)
        self._simulation.at(asks_at, self._ask)

    def _speak(self) -> None:
        simulation = self._simulation
        simulation.begin(self._steps("lm prompt", READS_AHEAD), Demand.ahead(simulation.now), lambda: None)

    def _ask(self) -> None:
        self._asked_at = self.waits_since = self._simulation.now
        self._reply, self._text_over = None, False
        window = self._steps("stt window", 1)
        self._simulation.begin(window, Demand.first(self._asked_at), self._answer)

    def _answer(self) -> None:
        demand = Demand.first(self._asked_at, after_s=self._voice_s())
        self._model = self._simulation.begin(self._text(), demand, self._end_text)

    def _end_text(self) -> None:
        self._text_over = True
        if self._voice < 0 and not self._clauses:
            self._listen_to_the_end()

    def _listen_to_the_end(self) -> None:
        self._simulation.at(max(self._simulation.now, self._dry_at), self._think)

    # --- the jobs

    def _steps(self, name: str, count: int) -> Work:
        for left in range(count, 0, -1):
            yield Plan(self._simulation.card.kinds[name], left)

    def _text(self) -> Work:
        """An answer: a prompt, then a token a step, clause by clause."""
        kinds = self._simulation.card.kinds
        left, length = self._chance.randint(SHORTEST, LONGEST), FIRST_CLAUSE
        yield Plan(kinds["lm prompt"], 1 + length)
        while left > 0:
            length = min(length, left)
            for made in range(length):
                yield Plan(kinds["lm token"], length - made)
            left -= length
            self._simulation.gave(self._model)
            self._clauses.append(length)
            length = CLAUSE
            self._speak_on()
            if len(self._clauses) > CLAUSES_AHEAD and left > 0:
                self._simulation.park(self._model)

    def _speak_on(self) -> None:
        """The voice begins on the next clause, if it has nothing to do."""
        self._ask_for_text()
        if self._voice >= 0 or not self._clauses:
            return
        simulation, tokens = self._simulation, self._clauses.popleft()
        simulation.wake(self._model)
        demand = Demand.speech(self._asked_at, self._dry_at, self._voice_s())
        if self._reply is None:
            demand = Demand.first(self._asked_at)
        self._voice = simulation.begin(self._speech(tokens * TOKEN_S), demand, self._end_clause)

    def _end_clause(self) -> None:
        self._voice = -1
        if self._clauses:
            self._speak_on()
        elif self._text_over:
            self._listen_to_the_end()

    def _speech(self, seconds: float) -> Work:
        simulation, kinds = self._simulation, self._simulation.card.kinds
        yield Plan(kinds["tts prompt"], 1 + FIRST_PIECES)
        for left in range(FIRST_PIECES - 1, 0, -1):
            yield Plan(kinds["tts piece"], 1 + left)
        for _ in range(max(1, round(seconds / PIECE_S))):
            yield Plan(kinds["tts piece"])
            self._hear()
            if (ahead_s := self._dry_at - simulation.now) >= ROOM_S:
                simulation.park(self._voice)
                simulation.at(simulation.now + ahead_s - ROOM_S + PIECE_S, partial(simulation.wake, self._voice))

    # --- listening

    def _hear(self) -> None:
        now, simulation = self._simulation.now, self._simulation
        simulation.gave(self._voice)
        if self._reply is None:
            self._reply = Reply(self._asked_at, now - self._asked_at)
            simulation.replies.append(self._reply)
            self.waits_since = None
            self._dry_at = now
        elif now > self._dry_at:
            self._reply.gaps_s.append(now - self._dry_at)
            self._dry_at = now
        self._dry_at += PIECE_S
        self._simulation.at(now, self._ask_for_more)

    def _ask_for_more(self) -> None:
        self._simulation.policy.ask(self._voice, Demand.speech(self._asked_at, self._dry_at, self._voice_s()))
        self._ask_for_text()

    def _ask_for_text(self) -> None:
        """The voice runs out of it when it has spoken what waits."""
        if self._reply is not None:
            runs_out_at = self._dry_at + TOKEN_S * sum(self._clauses)
            self._simulation.policy.ask(self._model, Demand.text(self._asked_at, runs_out_at, self._voice_s()))

    def _voice_s(self) -> float:
        times = self._simulation.card.times_s
        return times["tts prompt"][0] + FIRST_PIECES * times["tts piece"][0]
