"""A bounded queue between two stages. It drops messages whose attempt is no longer wanted (stale messages).

A full queue makes the stage before it wait, so that nothing grows without bound. That wait ends at once when the
message goes stale or the conversation shuts down.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from utils.conversation.messages import Message, Shutdown, attempt_of


class StageQueue:
    """First in, first out, at most `capacity` messages. live(attempt): whether the attempt is still wanted."""

    def __init__(self, capacity: int, live: Callable[[int], bool]) -> None:
        self._capacity = capacity
        self._live = live
        self._messages: deque[Message] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, message: Message) -> bool:
        """Append a message, waiting for room. False: it went stale, or the queue was shut down, and it was dropped."""
        with self._changed:
            while len(self._messages) >= self._capacity and not self._closed and not self._stale(message):
                self._changed.wait()
            if self._closed or self._stale(message):
                return False
            self._messages.append(message)
            self._changed.notify_all()
            return True

    def get(self) -> Message:
        """Wait for the next message. After a shutdown it is `Shutdown`, for ever."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._messages) or self._closed)
            if self._closed:
                return Shutdown()
            message = self._messages.popleft()
            self._changed.notify_all()
            return message

    def drop_stale(self) -> None:
        """Drop messages that are no longer wanted, and wake whoever waits. To be called when an attempt has ended."""
        with self._changed:
            self._messages = deque(message for message in self._messages if not self._stale(message))
            self._changed.notify_all()

    def shut_down(self) -> None:
        """Drop everything; from now on `get` returns `Shutdown`."""
        with self._changed:
            self._closed = True
            self._messages.clear()
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._messages)

    def _stale(self, message: Message) -> bool:
        attempt = attempt_of(message)
        return attempt is not None and not self._live(attempt)
