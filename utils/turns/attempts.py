"""What an attempt at answering is: its states, how it can end, and what new speech means for it. See `turns.py`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

KEPT_AFTER_END = 16  # ended attempts whose state can still be asked for (late messages, logs)


class State(enum.Enum):
    """The state of an attempt."""

    PREPARING = "preparing"
    COMMITTED = "committed"
    PLAYING = "playing"
    HELD = "held"
    DONE = "done"
    CANCELLED = "cancelled"


LIVE = frozenset({State.PREPARING, State.COMMITTED, State.PLAYING, State.HELD})
UNHEARD = frozenset({State.PREPARING, State.COMMITTED})
HEARD = frozenset({State.PLAYING, State.HELD})


class Speech(enum.Enum):
    """What new speech of the user means for the turns."""

    NEW_TURN = "a new turn"
    EXTENDS = "more of the turn that is not answered yet"
    INTERRUPTS = "a new turn, if it has words: then the reply that is held is over"


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    heard: the listener heard some of it. superseded: its words live on in the next attempt. false_interruptions: how
    often it was held and went on. continues_in: the older attempt that goes on in its place, for it answers the same.
    holds: (from, to) of each time it was held, seconds on the clock; the last one may have lasted until its end.
    """

    attempt: int
    turn: int
    state: State
    heard: bool
    superseded: bool
    false_interruptions: int = 0
    continues_in: int | None = None
    holds: tuple[tuple[float, float], ...] = ()


@dataclass
class Attempt:
    """One try at answering a turn, as `Turns` keeps it."""

    number: int
    turn: int
    state: State
    heard: bool = False
    doubtful: bool = False  # it began over a reply, and whether anything was said is not known yet
    understood: bool = False  # the words it answers are known
    spared: bool = False  # new speech may hold no words: it goes on, but is not heard until the next one has revised it
    revises: Attempt | None = None  # an older attempt at the beginning of the same turn; perhaps that was all of it
    over: bool = False  # the turn is over; a doubtful attempt is committed when its words are known
    false_interruptions: int = 0
    playing_since: float = float("-inf")  # clock: since the last hold
    plays_until: float = float("-inf")  # clock: what was sent of it is heard until then
    holds: list[tuple[float, float]] = field(default_factory=list)  # clock: (from, to), those that are over


class AttemptTable:
    """The attempts of one conversation, by number. Not locked: `Turns` does that; `find` alone is safe without."""

    def __init__(self) -> None:
        self._by_number: dict[int, Attempt] = {}

    def __iter__(self) -> Iterator[Attempt]:
        """Each attempt once, oldest first."""
        return iter([attempt for number, attempt in self._by_number.items() if number == attempt.number])

    def __len__(self) -> int:
        """How many numbers are known."""
        return len(self._by_number)

    def find(self, number: int) -> Attempt | None:
        """The attempt that answers to this number; None where it ended long ago, or never was."""
        return self._by_number.get(number)

    def find_in(self, number: int, *states: State) -> Attempt | None:
        """The same, where it is in one of these states."""
        found = self._by_number.get(number)
        return found if found is not None and found.state in states else None

    def heard(self) -> Attempt | None:
        """The attempt that is playing or held."""
        return next((attempt for attempt in self if attempt.state in HEARD), None)

    def unheard(self) -> list[Attempt]:
        """The live attempts of which nothing was heard yet, oldest first."""
        return [attempt for attempt in self if attempt.state in UNHEARD]

    def add(self, attempt: Attempt) -> None:
        """A new attempt; those that ended long ago are forgotten."""
        self._by_number[attempt.number] = attempt
        ended = [number for number, found in self._by_number.items() if found.state not in LIVE]
        for number in ended[:-KEPT_AFTER_END]:
            del self._by_number[number]

    def redirect(self, number: int, attempt: Attempt) -> None:
        """From now on `attempt` answers to this number too."""
        self._by_number[number] = attempt
