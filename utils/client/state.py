"""What goes on in a conversation, as far as the client can know it: listening, heard, thinking or speaking."""

from __future__ import annotations

import enum
from collections.abc import Callable

# The longest that an answer is expected: a loud noise is taken for speech until then, and a server that needs longer
# is shown as listening, which it also does.
THINKING_S = 6.0


class ClientState(enum.Enum):
    """The value is what is shown."""

    LISTENING = "listening"
    HEARD = "heard"
    THINKING = "thinking"
    SPEAKING = "speaking"


class ConversationState:
    """Told again and again what can be observed, says what it means. clock: seconds.

    Speech has ended when nobody is heard any more; until a reply begins, and for THINKING_S at most, the server is
    thinking. What was said before or during a reply is not waited for after it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._received = 0
        self._spoke_at: float | None = None  # somebody was heard then, and no reply has begun since

    def look(self, heard: bool, playing: bool, received: int) -> ClientState:
        """heard: somebody speaks now. playing: a reply can be heard now. received: bytes of replies so far."""
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
