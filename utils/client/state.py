"""The state of a conversation, as far as the client can know it: listening, heard, thinking or speaking."""

from __future__ import annotations

import enum
from collections.abc import Callable

# How long an answer is expected. A loud noise looks like a question, so "thinking" must end some time. A server that
# needs longer is shown as listening, which is also true.
THINKING_S = 6.0


class ClientState(enum.Enum):
    """A state. Its value is the word that is shown."""

    LISTENING = "listening"
    HEARD = "heard"
    THINKING = "thinking"
    SPEAKING = "speaking"


class ConversationState:
    """Derives the state from what the client can observe. clock: seconds.

    When speech has ended, the server is thinking until a reply begins, for THINKING_S at most. After a reply, nothing
    that was said before or during it is waited for.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._received = 0
        self._spoke_at: float | None = None  # somebody was heard then, and no reply has begun since

    def look(self, heard: bool, playing: bool, received: int) -> ClientState:
        """The state now. heard: somebody speaks. playing: a reply can be heard. received: bytes of replies so far."""
        comes, self._received = received > self._received, received
        if playing or comes:
            self._spoke_at = None
            return ClientState.SPEAKING
        if heard:
            self._spoke_at = self._clock()
            return ClientState.HEARD
        if self._spoke_at is None or self._clock() - self._spoke_at > THINKING_S:
            self._spoke_at = None
            return ClientState.LISTENING
        return ClientState.THINKING
