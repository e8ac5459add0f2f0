"""Attempts and turns: the one object a conversation asks whether a reply is still wanted.

A *turn* is what the user says until it is answered. An *attempt* is one try at answering it: when the user goes on
speaking before anything was heard, the attempt is cancelled and the next one answers the same, longer turn.

    preparing ─▶ committed ─▶ playing ⇄ held
        │            │           │       │
        └────────────┴───────────┴───────┴──▶ done | cancelled

At most two attempts are live at once: one that is heard (playing or held) and one that is not yet. Every transition
is a method call from whichever thread knows of it, takes effect at once, and is never a message behind a busy stage.
Nothing here knows of models, sockets or queues.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

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
    INTERRUPTS = "a new turn, and the reply that was being heard is over"


@dataclass(frozen=True)
class Ended:
    """How an attempt ended. heard: the listener heard some of it. superseded: its words live on in the next attempt."""

    attempt: int
    turn: int
    state: State
    heard: bool
    superseded: bool


@dataclass
class _Attempt:
    number: int
    turn: int
    state: State
    heard: bool = False
    ended_at: float | None = None


class Turns:
    """The attempts of one conversation. All methods may be called from any thread.

    on_end is called under the lock, so that the chat is settled before anybody can act on the attempt's end: it must
    be quick and must not wait for another thread. Subscribers are called after every change, outside the lock.
    """

    def __init__(
        self, on_end: Callable[[Ended], None] = lambda ended: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_end = on_end
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._attempts: dict[int, _Attempt] = {}
        self._subscribers: list[Callable[[], None]] = []
        self._last_attempt = 0
        self._turn = 0  # the newest committed turn
        self._open = False  # it waits for its answer
        self._in_doubt = False  # the user may have begun to speak
        self._closed = False

    # --- asking

    @property
    def closed(self) -> bool:
        """The conversation is over."""
        return self._closed

    def live(self, attempt: int) -> bool:
        """Whether work on this attempt is still wanted. Takes no lock: it is asked at every token and step."""
        found = self._attempts.get(attempt)
        return found is not None and found.state in LIVE

    def state(self, attempt: int) -> State:
        """The state of an attempt; one that ended long ago, or never was, counts as cancelled."""
        found = self._attempts.get(attempt)
        return State.CANCELLED if found is None else found.state

    def turn_of(self, attempt: int) -> int:
        """The turn an attempt answers. KeyError where it ended long ago."""
        return self._attempts[attempt].turn

    def live_attempts(self) -> list[int]:
        """The live attempts, oldest first."""
        with self._changed:
            return [number for number, attempt in self._attempts.items() if attempt.state in LIVE]

    def next_turn(self) -> int:
        """The turn that words spoken now belong to."""
        with self._changed:
            return self._turn if self._open else self._turn + 1

    # --- the user's side (the VAD's thread)

    def doubt(self, in_doubt: bool) -> None:
        """Say whether the user may have just begun to speak: while in doubt no reply starts."""
        with self._changed:
            if self._in_doubt == in_doubt:
                return
            self._in_doubt = in_doubt
            self._changed.notify_all()
        self._tell()

    def user_speaks(self) -> Speech:
        """The user speaks, surely: everything live is cancelled. Returns what the new words are."""
        with self._changed:
            self._in_doubt = False
            attempts = [attempt for attempt in self._attempts.values() if attempt.state in LIVE]
            extends = any(attempt.state in UNHEARD for attempt in attempts)
            for attempt in attempts:
                self._end(attempt, State.CANCELLED, superseded=attempt.state in UNHEARD)
            self._changed.notify_all()
        self._tell()
        if extends:
            return Speech.EXTENDS
        return Speech.INTERRUPTS if attempts else Speech.NEW_TURN

    def begin(self) -> int:
        """Begin an attempt at answering what was said so far; an older one that nobody has heard is superseded."""
        with self._changed:
            turn = self._turn if self._open else self._turn + 1
            for older in list(self._attempts.values()):
                if older.state in UNHEARD:
                    self._end(older, State.CANCELLED, superseded=True)
            self._last_attempt += 1
            attempt = _Attempt(self._last_attempt, turn, State.CANCELLED if self._closed else State.PREPARING)
            self._attempts[attempt.number] = attempt
            self._forget_ended()
            self._changed.notify_all()
        self._tell()
        return attempt.number

    def commit(self, attempt: int) -> bool:
        """The turn is over: the attempt may be heard, and an older reply that still was is cancelled.

        False where the attempt is no longer preparing.
        """
        with self._changed:
            found = self._in(attempt, State.PREPARING)
            if found is None:
                return False
            for older in list(self._attempts.values()):
                if older.state in HEARD:
                    self._end(older, State.CANCELLED)
            found.state = State.COMMITTED
            self._turn, self._open = found.turn, True
            self._changed.notify_all()
        self._tell()
        return True

    # --- the reply's side (the sender's thread)

    def play(self, attempt: int) -> bool:
        """Wait until the attempt may be heard, then mark it playing: its first byte follows.

        False where it ended instead. From here on new speech is an interruption and no longer extends the turn.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self.live(attempt) or self._may_play(attempt))
            found = self._in(attempt, State.COMMITTED)
            if found is None:
                return self.state(attempt) is State.PLAYING
            found.state, found.heard = State.PLAYING, True
            self._open = False
            self._changed.notify_all()
        self._tell()
        return True

    def wait_audible(self, attempt: int) -> bool:
        """Wait while the attempt is held. True: it is playing; False: it ended."""
        with self._changed:
            self._changed.wait_for(lambda: self.state(attempt) is not State.HELD)
            return self.state(attempt) is State.PLAYING

    def wait_while_playing(self, attempt: int, seconds: float) -> bool:
        """Wait so long, or until the attempt is no longer playing. True: it still is."""
        with self._changed:
            return not self._changed.wait_for(lambda: self.state(attempt) is not State.PLAYING, max(0.0, seconds))

    def hold(self, attempt: int) -> bool:
        """Pause a reply that is playing. False where it is not."""
        return self._move(attempt, State.PLAYING, State.HELD)

    def resume(self, attempt: int) -> bool:
        """Let a held reply go on. False where it is not held."""
        return self._move(attempt, State.HELD, State.PLAYING)

    # --- ends

    def finish(self, attempt: int) -> bool:
        """The reply is over, heard or (it failed, it was empty) not. False where the attempt had ended already."""
        return self._finish(attempt, State.DONE)

    def cancel(self, attempt: int) -> bool:
        """The reply is not wanted any more. False where the attempt had ended already."""
        return self._finish(attempt, State.CANCELLED)

    def discard(self, attempt: int) -> bool:
        """Nothing had been said after all: the attempt is cancelled and its turn never was."""
        return self._finish(attempt, State.CANCELLED, never_was=True)

    def close(self) -> None:
        """The conversation is over: everything live is cancelled and nothing new becomes live."""
        with self._changed:
            self._closed = True
            for attempt in list(self._attempts.values()):
                if attempt.state in LIVE:
                    self._end(attempt, State.CANCELLED)
            self._changed.notify_all()
        self._tell()

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` called after every change, from the thread that made it."""
        self._subscribers.append(callback)

    # --- under the lock

    def _may_play(self, attempt: int) -> bool:
        state = self.state(attempt)
        return state is State.PLAYING or (state is State.COMMITTED and not self._in_doubt)

    def _in(self, attempt: int, state: State) -> _Attempt | None:
        found = self._attempts.get(attempt)
        return found if found is not None and found.state is state else None

    def _move(self, attempt: int, before: State, after: State) -> bool:
        with self._changed:
            found = self._in(attempt, before)
            if found is None:
                return False
            found.state = after
            self._changed.notify_all()
        self._tell()
        return True

    def _finish(self, attempt: int, state: State, never_was: bool = False) -> bool:
        with self._changed:
            found = self._attempts.get(attempt)
            if found is None or found.state not in LIVE:
                return False
            if found.state is State.COMMITTED:
                self._open = False
                self._turn -= never_was
            self._end(found, state)
            self._changed.notify_all()
        self._tell()
        return True

    def _end(self, attempt: _Attempt, state: State, superseded: bool = False) -> None:
        attempt.state, attempt.ended_at = state, self._clock()
        self._on_end(Ended(attempt.number, attempt.turn, state, attempt.heard, superseded))

    def _forget_ended(self) -> None:
        ended = [number for number, attempt in self._attempts.items() if attempt.state not in LIVE]
        for number in ended[:-KEPT_AFTER_END]:
            del self._attempts[number]

    def _tell(self) -> None:
        for callback in self._subscribers:
            callback()
