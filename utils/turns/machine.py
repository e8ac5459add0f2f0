"""The state machine of attempts and turns: every transition, without locks and without waiting.

A *turn* is what the user says until it is answered. An *attempt* is one try at answering it. When the user goes on
speaking before anything of the reply was heard, the attempt is cancelled, and the next one answers the same, longer
turn.

    preparing ─▶ committed ─▶ playing ⇄ held
        │            │           │       │
        └────────────┴───────────┴───────┴──▶ done | cancelled

Three things are often not known at once. Then the machine keeps both possibilities until they are:

* Whether the turn is over. An attempt that begins in a pause (speculation) is prepared. It is heard only once it is
  committed.
* Whether a sound after that holds more words. The attempt is *spared*: it is prepared further, but not heard. The next
  attempt *revises* it. If their words are the same, the spared attempt goes on; if not, the younger one.
* Whether a sound over a reply is an interruption. The reply is held at once, and the attempt at answering the sound is
  *doubtful*. If it has words, the reply is over. If not, the reply goes on from where it was (a false interruption).

At most three attempts are live: one that is heard, one that is spared, and one that is neither.
`Turns` makes this machine safe to use from several threads.
"""

from __future__ import annotations

from collections.abc import Callable

from utils.turns.attempts import HEARD, LIVE, UNHEARD, Attempt, AttemptTable, Ended, Speech, State


class TurnMachine:
    """The attempts of one conversation. What the methods mean stands at those of `Turns` with the same names.

    on_end is told of each attempt's end, before the method that ended it returns. clock: seconds.
    """

    def __init__(self, on_end: Callable[[Ended], None], clock: Callable[[], float]) -> None:
        self._on_end = on_end
        self._clock = clock
        self.attempts = AttemptTable()
        self.closed = False
        self._last_attempt = 0
        self._turn = 0  # the newest committed turn
        self._awaits_answer = False  # that turn does
        self._user_may_speak = False  # the user speaks, or may have begun to
        self._spared: Attempt | None = None  # every younger attempt that nobody has heard revises it

    # --- asking

    def next_turn(self) -> int:
        return self._turn if self._awaits_answer else self._turn + 1

    def doubtful(self, number: int) -> bool:
        found = self.attempts.find(number)
        return found is not None and found.doubtful and self.attempts.heard() is not None

    def reply_is_held(self) -> bool:
        heard = self.attempts.heard()
        return heard is not None and heard.state is State.HELD

    def reply_is_heard(self) -> bool:
        now = self._clock()
        return any(found.state in HEARD or now < found.plays_until for found in self.attempts)

    def may_play(self, number: int) -> bool:
        found = self.attempts.find_in(number, State.COMMITTED, State.PLAYING)
        if found is None:
            return False
        return found.state is State.PLAYING or not (self._user_may_speak or found is self._spared)

    def awaits_commit(self, number: int) -> bool:
        """Whether it is not known yet if this attempt is to be heard."""
        found = self.attempts.find_in(number, *UNHEARD)
        return found is not None and (found.state is State.PREPARING or found is self._spared)

    # --- the user's side

    def doubt(self, in_doubt: bool) -> bool:
        """False where nothing changes."""
        if self._user_may_speak == in_doubt:
            return False
        self._user_may_speak = in_doubt
        self._hold_or_resume()
        return True

    def user_speaks(self, words: bool) -> Speech:
        unheard = self.attempts.unheard()
        for attempt in unheard:
            if words or not attempt.understood or (self._spared is not None and self._spared is not attempt):
                self._end(attempt, State.CANCELLED, superseded=True)
            else:
                self._spared = attempt
        over_reply = self.attempts.heard() is not None
        self._user_may_speak = True
        self._hold_or_resume()
        if unheard:
            return Speech.EXTENDS
        return Speech.INTERRUPTS if over_reply else Speech.NEW_TURN

    def interrupt(self) -> None:
        self._cancel_heard()
        self._hold_or_resume()

    def begin(self) -> int:
        self._last_attempt += 1
        state = State.CANCELLED if self.closed else State.PREPARING
        attempt = Attempt(self._last_attempt, self.next_turn(), state)
        attempt.doubtful = self.attempts.heard() is not None
        for older in self.attempts.unheard():
            if older is not self._spared:
                self._end(older, State.CANCELLED, superseded=True)
        self.attempts.add(attempt)
        self._user_may_speak = False
        self._hold_or_resume()
        return attempt.number

    def commit(self, number: int) -> bool:
        found = self.attempts.find_in(number, *LIVE)
        if found is None:
            return False
        if found.state is State.PREPARING:
            found.turn_over = True
            self._commit(found)
            self._hold_or_resume()
        return True

    def confirm(self, number: int) -> bool:
        found = self.attempts.find_in(number, *LIVE)
        if found is None:
            return False
        found.understood = True
        self._end_spared(found)
        if found.doubtful:
            found.doubtful = False
            self._cancel_heard()
            if found.turn_over:
                self._commit(found)
            self._hold_or_resume()
        return True

    def keep_spared(self, number: int) -> bool:
        found, older = self.attempts.find_in(number, *UNHEARD), self._spared
        if found is None or older is None or found is older:
            return False
        self._spared = None
        self._end(found, State.CANCELLED, superseded=True, continues_in=older.number)
        self.attempts.redirect(number, older)
        if found.turn_over and older.state is State.PREPARING:
            self._commit(older)
        self._hold_or_resume()
        return True

    def forget_sound(self) -> None:
        unheard = self.attempts.unheard()
        if unheard == [self._spared]:
            self._spared = None
        for attempt in unheard:
            if attempt is not self._spared:
                self.commit(attempt.number)
        self._user_may_speak = False
        self._hold_or_resume()

    # --- the reply's side

    def release(self, number: int) -> bool:
        if self.attempts.find_in(number, State.HELD) is None:
            return False
        for attempt in self.attempts.unheard():
            attempt.outwaited = True
        self._user_may_speak = False
        self._hold_or_resume()
        return True

    def play(self, number: int) -> bool:
        """False where the attempt is not committed."""
        found = self.attempts.find_in(number, State.COMMITTED)
        if found is None:
            return False
        found.state, found.heard = State.PLAYING, True
        found.playing_since = self._clock()
        self._awaits_answer = False
        return True

    # --- ends

    def finish(self, number: int, plays_until: float) -> bool:
        return self._finish(number, State.DONE, plays_until=plays_until)

    def cancel(self, number: int) -> bool:
        return self._finish(number, State.CANCELLED)

    def discard(self, number: int) -> bool:
        return self._finish(number, State.CANCELLED, never_was=True)

    def fail(self, number: int) -> bool:
        found = self.attempts.find_in(number, *UNHEARD)
        if found is None:
            return False
        if self.keep_spared(number):
            return True
        if found.state is State.PREPARING and (found.doubtful or not found.turn_over):
            return self.discard(number)
        return self.finish(number, float("-inf"))

    def close(self) -> None:
        self.closed = True
        for attempt in self.attempts:
            if attempt.state in LIVE:
                self._end(attempt, State.CANCELLED)

    # --- the parts of transitions

    def _commit(self, attempt: Attempt) -> None:
        if attempt.doubtful:
            return  # `confirm` does it
        self._cancel_heard()
        attempt.state = State.COMMITTED
        self._turn, self._awaits_answer = attempt.turn, True

    def _cancel_heard(self) -> None:
        if (heard := self.attempts.heard()) is not None:
            self._end(heard, State.CANCELLED)

    def _hold_or_resume(self) -> None:
        """Hold the reply that is heard, or let it go on, as it has to be now."""
        hold = self._user_may_speak or any(
            attempt.doubtful and not attempt.outwaited and attempt.state is State.PREPARING for attempt in self.attempts
        )
        heard = self.attempts.heard()
        if heard is None or hold == (heard.state is State.HELD):
            return
        now = self._clock()
        if not hold:
            heard.holds.append((heard.playing_since, now))
            heard.false_interruptions += 1
        heard.state = State.HELD if hold else State.PLAYING
        heard.playing_since = now

    def _finish(self, number: int, state: State, never_was: bool = False, plays_until: float = float("-inf")) -> bool:
        found = self.attempts.find_in(number, *LIVE)
        if found is None:
            return False
        if found.state is State.COMMITTED:
            self._awaits_answer = False
            self._turn -= never_was
        found.plays_until = plays_until
        self._end_spared(found)
        self._end(found, state, superseded=never_was and not found.turn_over and not found.doubtful)
        self._hold_or_resume()
        return True

    def _end_spared(self, attempt: Attempt) -> None:
        """The spared attempt will not go on in the place of this one."""
        if self._spared is not None and self._spared is not attempt:
            self._end(self._spared, State.CANCELLED, superseded=True)

    def _end(self, attempt: Attempt, state: State, superseded: bool = False, continues_in: int | None = None) -> None:
        if attempt.state is State.HELD:
            attempt.holds.append((attempt.playing_since, self._clock()))
        if attempt is self._spared:
            self._spared = None
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
