"""Attempts and turns: the one object a conversation asks whether a reply is still wanted.

A *turn* is what the user says until it is answered. An *attempt* is one try at answering it: when the user goes on
speaking before anything was heard, the attempt is cancelled and the next one answers the same, longer turn.

An attempt may begin before the turn is over (speculation): it is prepared and not heard until it is committed. When the
user goes on after all, or makes a sound, a younger attempt *revises* it: both are live until the words of the younger
one are known. If they are the same, the older attempt goes on, else the younger.

A sound over a reply holds it at once. What the sound was shows later: nothing, and the reply goes on from where it was
(a false interruption); or words, and the reply is over. Until then the attempt at answering it is *doubtful*.

    preparing ─▶ committed ─▶ playing ⇄ held
        │            │           │       │
        └────────────┴───────────┴───────┴──▶ done | cancelled

At most two attempts are live at once: one that is heard (playing or held) or revised, and one that is not yet. Every
transition is a method call from whichever thread knows of it, takes effect at once, and is never a message behind a
busy stage. Nothing here knows of models, sockets or queues.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from utils.turns.attempts import HEARD, LIVE, UNHEARD, Attempt, AttemptTable, Ended, Speech, State

__all__ = ["HEARD", "LIVE", "UNHEARD", "Ended", "Speech", "State", "Turns"]


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
        self._attempts = AttemptTable()
        self._subscribers: list[Callable[[], None]] = []
        self._last_attempt = 0
        self._turn = 0  # the newest committed turn
        self._open = False  # it waits for its answer
        self._in_doubt = False  # the user speaks, or may have begun to
        self._closed = False

    # --- asking

    @property
    def closed(self) -> bool:
        """The conversation is over."""
        return self._closed

    def live(self, attempt: int) -> bool:
        """Whether work on this attempt is still wanted. Takes no lock: it is asked at every token and step."""
        found = self._attempts.find(attempt)
        return found is not None and found.state in LIVE

    def state(self, attempt: int) -> State:
        """The state of an attempt; one that ended long ago, or never was, counts as cancelled."""
        found = self._attempts.find(attempt)
        return State.CANCELLED if found is None else found.state

    def turn_of(self, attempt: int) -> int:
        """The turn an attempt answers. KeyError where it ended long ago."""
        return self._known(attempt).turn

    def number_of(self, attempt: int) -> int:
        """The attempt that answers to this number: itself, or an older one that goes on in its place. KeyError as
        above."""
        return self._known(attempt).number

    def playing_since(self, attempt: int) -> float:
        """When the attempt began to play, or went on after a hold: seconds on the clock. KeyError as above."""
        return self._known(attempt).playing_since

    def live_attempts(self) -> list[int]:
        """The live attempts, oldest first."""
        with self._changed:
            return [attempt.number for attempt in self._attempts if attempt.state in LIVE]

    def next_turn(self) -> int:
        """The turn that words spoken now belong to."""
        with self._changed:
            return self._turn if self._open else self._turn + 1

    def doubtful(self, attempt: int) -> bool:
        """Whether a reply is held until it is known if there are words in what this attempt would answer."""
        with self._changed:
            found = self._attempts.find(attempt)
            return found is not None and found.doubtful and self._attempts.heard() is not None

    def reply_is_held(self) -> bool:
        """Whether a reply waits for what the user's sound will turn out to be."""
        with self._changed:
            heard = self._attempts.heard()
            return heard is not None and heard.state is State.HELD

    def reply_is_heard(self) -> bool:
        """Whether a reply is playing, held, or not yet at the end of what was sent of it."""
        with self._changed:
            now = self._clock()
            return any(found.state in HEARD or now < found.plays_until for found in self._attempts)

    # --- the user's side (the VAD's thread, and the STT's)

    def doubt(self, in_doubt: bool) -> None:
        """Say whether the user may have begun to speak: while in doubt no reply starts, and one that plays is held.

        Where it was nothing, the reply goes on.
        """
        with self._changed:
            if self._in_doubt == in_doubt:
                return
            self._in_doubt = in_doubt
            self._settle()
        self._tell()

    def user_speaks(self, words: bool = True) -> Speech:
        """The user speaks, surely: attempts that nobody has heard are cancelled. Returns what the new speech is.

        words: False where it may well be a sound without any; then an attempt whose words are known goes on, unheard,
        for the next one to revise. The user is in doubt until the next `begin`, or until `doubt(False)`. A reply that
        is heard is held.
        """
        with self._changed:
            unheard = self._attempts.unheard()
            for attempt in unheard:
                if words or not attempt.understood or attempt.revises is not None:
                    self._end(attempt, State.CANCELLED, superseded=True)
                else:
                    attempt.spared = True
            over_reply = self._attempts.heard() is not None
            self._in_doubt = True
            self._settle()
        self._tell()
        if unheard:
            return Speech.EXTENDS
        return Speech.INTERRUPTS if over_reply else Speech.NEW_TURN

    def interrupt(self) -> None:
        """What the user says over a reply is an interruption, surely: the reply is over."""
        with self._changed:
            self._cancel_heard()
            self._settle()
        self._tell()

    def begin(self) -> int:
        """Begin an attempt at answering what was said so far.

        An older one that nobody has heard is superseded, or, where `user_speaks` has spared it, revised.
        """
        with self._changed:
            turn = self._turn if self._open else self._turn + 1
            self._last_attempt += 1
            attempt = Attempt(self._last_attempt, turn, State.CANCELLED if self._closed else State.PREPARING)
            attempt.doubtful = self._attempts.heard() is not None
            for older in self._attempts.unheard():
                if older.spared:
                    attempt.revises = older
                else:
                    self._end(older, State.CANCELLED, superseded=True)
            self._attempts.add(attempt)
            self._in_doubt = False
            self._settle()
        self._tell()
        return attempt.number

    def commit(self, attempt: int) -> bool:
        """The turn is over: the attempt may be heard. A doubtful one has to wait until its words are confirmed.

        False where the attempt is no longer live.
        """
        with self._changed:
            found = self._attempts.find_in(attempt, *LIVE)
            if found is None:
                return False
            if found.state is State.PREPARING:
                found.over = True
                self._commit(found)
                self._settle()
        self._tell()
        return True

    def confirm(self, attempt: int) -> bool:
        """There are words in what this attempt answers: a reply that was held for them, or that it revises, is over.

        False where the attempt is no longer live.
        """
        with self._changed:
            found = self._attempts.find_in(attempt, *LIVE)
            if found is None:
                return False
            found.understood = True
            self._end_revised(found)
            if found.doubtful:
                found.doubtful = False
                self._cancel_heard()
                if found.over:
                    self._commit(found)
                self._settle()
        self._tell()
        return True

    def same(self, attempt: int) -> bool:
        """What this attempt answers says the same as the one that it revises: that one goes on, and answers to both
        numbers. False where it revises none, or none that is live."""
        with self._changed:
            found = self._attempts.find_in(attempt, *UNHEARD)
            older = None if found is None else found.revises
            if found is None or older is None or older.state not in UNHEARD:
                return False
            older.spared = False
            self._end(found, State.CANCELLED, superseded=True, continues_in=older.number)
            self._attempts.redirect(attempt, older)
            if found.over and older.state is State.PREPARING:
                self._commit(older)
            self._settle()
        self._tell()
        return True

    # --- the reply's side (the sender's thread)

    def play(self, attempt: int) -> bool:
        """Wait until the attempt may be heard, then mark it playing: its first byte follows.

        False where it ended instead. From here on new speech is an interruption and no longer extends the turn.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self.live(attempt) or self._may_play(attempt))
            found = self._attempts.find_in(attempt, State.COMMITTED)
            if found is None:
                return self.state(attempt) is State.PLAYING
            found.state, found.heard = State.PLAYING, True
            found.playing_since = self._clock()
            self._open = False
            self._changed.notify_all()
        self._tell()
        return True

    def wait_committed(self, attempt: int) -> bool:
        """Wait until the turn is known to be over. False: the attempt ended instead."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_open(attempt))
            return self.live(attempt)

    def wait_audible(self, attempt: int) -> bool:
        """Wait while the attempt is held. True: it is playing; False: it ended."""
        with self._changed:
            self._changed.wait_for(lambda: self.state(attempt) is not State.HELD)
            return self.state(attempt) is State.PLAYING

    def wait_while_playing(self, attempt: int, seconds: float) -> bool:
        """Wait so long, or until the attempt is no longer playing. True: it still is."""
        with self._changed:
            return not self._changed.wait_for(lambda: self.state(attempt) is not State.PLAYING, max(0.0, seconds))

    # --- ends

    def finish(self, attempt: int, plays_until: float = float("-inf")) -> bool:
        """The reply is over, heard or (it failed, it was empty) not. False where the attempt had ended already.

        plays_until: seconds on the clock; the end of what was sent is heard until then.
        """
        return self._finish(attempt, State.DONE, plays_until=plays_until)

    def cancel(self, attempt: int) -> bool:
        """The reply is not wanted any more. False where the attempt had ended already."""
        return self._finish(attempt, State.CANCELLED)

    def discard(self, attempt: int) -> bool:
        """Nothing had been said after all: the attempt is cancelled and its turn never was; a held reply goes on.

        Where the turn is not over yet, only nothing so far: it goes on with the next attempt.
        """
        return self._finish(attempt, State.CANCELLED, never_was=True)

    def close(self) -> None:
        """The conversation is over: everything live is cancelled and nothing new becomes live."""
        with self._changed:
            self._closed = True
            for attempt in self._attempts:
                if attempt.state in LIVE:
                    self._end(attempt, State.CANCELLED)
            self._settle()
        self._tell()

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` called after every change, from the thread that made it."""
        self._subscribers.append(callback)

    # --- under the lock

    def _known(self, attempt: int) -> Attempt:
        if (found := self._attempts.find(attempt)) is None:
            raise KeyError(attempt)
        return found

    def _may_play(self, attempt: int) -> bool:
        found = self._attempts.find_in(attempt, State.COMMITTED, State.PLAYING)
        if found is None:
            return False
        return found.state is State.PLAYING or not (self._in_doubt or found.spared)

    def _is_open(self, attempt: int) -> bool:
        """Whether it is not known yet if this attempt is wanted."""
        found = self._attempts.find_in(attempt, *UNHEARD)
        return found is not None and (found.state is State.PREPARING or found.spared)

    def _cancel_heard(self) -> None:
        if (heard := self._attempts.heard()) is not None:
            self._end(heard, State.CANCELLED)

    def _commit(self, attempt: Attempt) -> None:
        if attempt.doubtful:
            return
        self._cancel_heard()
        attempt.state = State.COMMITTED
        self._turn, self._open = attempt.turn, True

    def _settle(self) -> None:
        """Hold the reply that is heard, or let it go on, as it must be now; wake all who wait."""
        hold = self._in_doubt or any(
            attempt.doubtful and attempt.state is State.PREPARING for attempt in self._attempts
        )
        heard = self._attempts.heard()
        if heard is not None and hold != (heard.state is State.HELD):
            if not hold:
                heard.holds.append((heard.playing_since, self._clock()))
            heard.state = State.HELD if hold else State.PLAYING
            heard.playing_since = self._clock()
            heard.false_interruptions += not hold
        self._changed.notify_all()

    def _finish(self, attempt: int, state: State, never_was: bool = False, plays_until: float = float("-inf")) -> bool:
        with self._changed:
            found = self._attempts.find_in(attempt, *LIVE)
            if found is None:
                return False
            if found.state is State.COMMITTED:
                self._open = False
                self._turn -= never_was
            found.plays_until = plays_until
            self._end_revised(found)
            self._end(found, state, superseded=never_was and not found.over and not found.doubtful)
            self._settle()
        self._tell()
        return True

    def _end_revised(self, attempt: Attempt) -> None:
        """The attempt is another than the one it revises: that one is over."""
        older, attempt.revises = attempt.revises, None
        if older is not None and older.state in UNHEARD:
            self._end(older, State.CANCELLED, superseded=True)

    def _end(self, attempt: Attempt, state: State, superseded: bool = False, continues_in: int | None = None) -> None:
        if attempt.state is State.HELD:
            attempt.holds.append((attempt.playing_since, self._clock()))
        attempt.state = state
        self._on_end(
            Ended(
                attempt.number,
                attempt.turn,
                state,
                attempt.heard,
                superseded,
                attempt.false_interruptions,
                continues_in,
                tuple(attempt.holds),
            )
        )

    def _tell(self) -> None:
        for callback in self._subscribers:
            callback()
