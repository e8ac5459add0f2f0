"""What the stages of one conversation share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from utils.conversation.records import TurnRecords
from utils.turns.chat import Chat
from utils.turns.hearing_ahead import HearingAhead
from utils.turns.turns import Turns


@dataclass(frozen=True)
class Context:
    """One conversation's shared state.

    clock: seconds, monotonic. hang_up(reason): ends the conversation, from any thread, without waiting for it.
    """

    turns: Turns
    records: TurnRecords
    chat: Chat
    clock: Callable[[], float]
    hang_up: Callable[[str], None]
    ahead: HearingAhead = field(default_factory=HearingAhead)
