"""What an attempt at answering is: its states, how it can end, and what new speech means for it. See `utils.turns`."""

from __future__ import annotations

import enum
from dataclasses import dataclass


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
    often it was held and went on.
    """

    attempt: int
    turn: int
    state: State
    heard: bool
    superseded: bool
    false_interruptions: int = 0


@dataclass
class Attempt:
    """One try at answering a turn, as `Turns` keeps it."""

    number: int
    turn: int
    state: State
    heard: bool = False
    doubtful: bool = False  # it began over a reply, and whether anything was said is not known yet
    over: bool = False  # the turn is over; a doubtful attempt is committed when its words are known
    false_interruptions: int = 0
    plays_until: float = float("-inf")  # clock: what was sent of it is heard until then
