"""What an attempt at answering is: its states, how it can end, and what new speech means for it. See `machine.py`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

KEPT_AFTER_END = 16  # ended attempts whose state can still be asked for (late messages, logs)


class State(enum.Enum):
    """The state of an attempt."""

    PREPARING = "preparing"
    """The reply is being made, and it is not known yet that it may be heard."""

    COMMITTED = "committed"
    """The turn is over: the reply may be heard as soon as there is audio."""

    PLAYING = "playing"
    """The listener hears the reply."""

    HELD = "held"
    """The reply is silent while it is found out what a sound of the user was."""

    DONE = "done"
    """The reply was sent to its end."""

    CANCELLED = "cancelled"
    """The reply is not wanted any more."""


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
    """How an attempt ended."""

    attempt: int
    """Its number."""

    turn: int
    """The turn that it answered."""

    state: State
    """DONE or CANCELLED."""

    heard: bool
    """The listener heard some of its reply."""

    superseded: bool
    """Another attempt answers its words."""

    false_interruptions: int = 0
    """How often its reply was held and went on."""

    continues_in: int | None = None
    """The older attempt that goes on in its place, for it answers the same words."""

    holds: tuple[tuple[float, float], ...] = ()
    """(from, to) of each time its reply was held, seconds on the clock; the last hold may have lasted until its end."""


@dataclass
class Attempt:
    """One try at answering a turn, as `TurnMachine` keeps it."""

    number: int
    """Counts the conversation's attempts, from 1."""

    turn: int
    """The turn that it answers."""

    state: State
    """Where it stands."""

    heard: bool = False
    """The listener has heard some of its reply."""

    doubtful: bool = False
    """It began over a reply, and it is not known yet whether anything was said."""

    outwaited: bool = False
    """A reply was held for it for so long that it goes on, although it is still not known whether anything was said."""

    understood: bool = False
    """The words that it answers are known."""

    turn_over: bool = False
    """Its turn is over. While it is doubtful, its commit waits for its words."""

    false_interruptions: int = 0
    """How often its reply was held and went on."""

    playing_since: float = float("-inf")
    """Since when it is in its present state, playing or held: seconds on the clock."""

    plays_until: float = float("-inf")
    """Until then the listener hears what was sent of it: seconds on the clock."""

    holds: list[tuple[float, float]] = field(default_factory=list)
    """(from, to) of the holds that are over: seconds on the clock."""


class AttemptTable:
    """The attempts of one conversation, by number. Only `find` is safe without the lock of `Turns`."""

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
        """The same, where it is in one of these states; else None."""
        found = self._by_number.get(number)
        return found if found is not None and found.state in states else None

    def heard(self) -> Attempt | None:
        """The attempt that is playing or held."""
        return next((attempt for attempt in self if attempt.state in HEARD), None)

    def unheard(self) -> list[Attempt]:
        """The live attempts of which nothing was heard yet, oldest first."""
        return [attempt for attempt in self if attempt.state in UNHEARD]

    def add(self, attempt: Attempt) -> None:
        """Add a new attempt, and forget those that ended long ago."""
        self._by_number[attempt.number] = attempt
        ended = [number for number, found in self._by_number.items() if found.state not in LIVE]
        for number in ended[:-KEPT_AFTER_END]:
            del self._by_number[number]

    def redirect(self, number: int, attempt: Attempt) -> None:
        """From now on `attempt` answers to this number too."""
        self._by_number[number] = attempt
