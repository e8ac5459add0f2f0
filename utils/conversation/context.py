"""What the stages of one conversation share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from utils.conversation.records import TurnRecords
from utils.turns.chat import Chat
from utils.turns.interim import InterimResults
from utils.turns.turns import Turns


@dataclass(frozen=True)
class Context:
    """One conversation's shared state. Everything in it may be used from any thread."""

    turns: Turns
    """The attempts at answering, and whether each is still wanted."""

    records: TurnRecords
    """What happened in each turn, and when."""

    chat: Chat
    """The history that the language model reads."""

    clock: Callable[[], float]
    """Seconds, monotonic."""

    hang_up: Callable[[str], None]
    """hang_up(reason) ends the conversation without waiting for it."""

    interim: InterimResults = field(default_factory=InterimResults)
    """Which transcriptions of unfinished speech are wanted."""
