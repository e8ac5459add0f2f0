"""Attempts and turns, safe to use from every thread: the one object that says whether a reply is still wanted.

`machine.py` says what turns and attempts are, and holds their transitions. Each transition here is a method call from
whichever thread knows of it. It takes effect at once, and is never a message that waits behind a busy stage. Nothing
here knows of models, sockets or queues.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from utils.turns.attempts import HEARD, LIVE, UNHEARD, Attempt, Ended, Speech, State
from utils.turns.machine import TurnMachine

__all__ = ["HEARD", "LIVE", "UNHEARD", "Ended", "Speech", "State", "Turns"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_HOLD_S = 10.0  # longer than any sound that may be none, and than a slow recogniser needs for it


class Turns:
    """The attempts of one conversation. All methods may be called from any thread.

    on_end is called under the lock, so that the chat is settled before anybody can act on the attempt's end: it must
    be quick and must not wait for another thread. Subscribers are called after every change, outside the lock.
    """

    def __init__(
        self, on_end: Callable[[Ended], None] = lambda ended: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._machine = TurnMachine(on_end, clock)
        self._changed = threading.Condition(threading.RLock())
        self._subscribers: list[Callable[[], None]] = []

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` called after every change, from the thread that made it."""
        self._subscribers.append(callback)

    # --- asking

    @property
    def closed(self) -> bool:
        """The conversation is over."""
        return self._machine.closed

    def live(self, attempt: int) -> bool:
        """Whether work on this attempt is still wanted. Takes no lock: it is asked at every token and step."""
        return self._machine.attempts.find_in(attempt, *LIVE) is not None

    def state(self, attempt: int) -> State:
        """The state of an attempt; one that ended long ago, or never was, counts as cancelled."""
        found = self._machine.attempts.find(attempt)
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
            return [attempt.number for attempt in self._machine.attempts if attempt.state in LIVE]

    def next_turn(self) -> int:
        """The turn that words spoken now belong to."""
        with self._changed:
            return self._machine.next_turn()

    def doubtful(self, attempt: int) -> bool:
        """Whether a reply is held until it is known if what this attempt answers holds words."""
        with self._changed:
            return self._machine.doubtful(attempt)

    def reply_is_held(self) -> bool:
        """Whether a reply is silent until it is known what the user's sound was."""
        with self._changed:
            return self._machine.reply_is_held()

    def reply_is_heard(self) -> bool:
        """Whether a reply is playing or held, or has ended and its last samples are still being played."""
        with self._changed:
            return self._machine.reply_is_heard()

    def may_play(self, attempt: int) -> bool:
        """Whether the attempt's reply may be sent now: `play` would not wait."""
        with self._changed:
            return self._machine.may_play(attempt)

    # --- the user's side (the VAD's thread, and the STT's)

    def doubt(self, in_doubt: bool) -> None:
        """Say whether the user may have begun to speak. While it is in doubt no reply starts, and one that plays is
        held; afterwards it goes on."""
        self._change(lambda: self._machine.doubt(in_doubt))

    def user_speaks(self, words: bool = True) -> Speech:
        """The user speaks, surely. A reply that is heard is held. Returns what the new speech is.

        Attempts that nobody has heard are cancelled. words: False where it may be a sound without words; then an
        attempt whose words are known is spared: it goes on, unheard, until the next attempt revises it. The user
        counts as speaking until the next `begin`, or until `doubt(False)`.
        """
        return self._change(lambda: self._machine.user_speaks(words))

    def interrupt(self) -> None:
        """What the user says over a reply is an interruption, surely: the reply is over."""
        self._change(self._machine.interrupt)

    def begin(self) -> int:
        """Begin an attempt at answering what was said so far; returns its number.

        It supersedes an older attempt that nobody has heard. One that `user_speaks` has spared it revises.
        """
        return self._change(self._machine.begin)

    def commit(self, attempt: int) -> bool:
        """The turn is over: the attempt may be heard. A doubtful one has to wait until its words are confirmed.

        False where the attempt is no longer live.
        """
        return self._change(lambda: self._machine.commit(attempt))

    def confirm(self, attempt: int) -> bool:
        """What this attempt answers holds words: a reply that was held for them is over, and so is the attempt that it
        revises.

        False where the attempt is no longer live.
        """
        return self._change(lambda: self._machine.confirm(attempt))

    def keep_spared(self, attempt: int) -> bool:
        """This attempt answers the same words as the spared one that it revises. The spared one goes on, and answers to
        both numbers; this one ends.

        False where none is spared.
        """
        return self._change(lambda: self._machine.keep_spared(attempt))

    def forget_sound(self) -> None:
        """What the user is saying can't be heard: a fault. What was said before it is answered, and a reply that is
        held goes on."""
        self._change(self._machine.forget_sound)

    # --- the reply's side (the sender's thread)

    def play(self, attempt: int) -> bool:
        """Wait until the attempt may be heard, then mark it playing: its first byte follows.

        False where it ended instead. From here on new speech is an interruption and no longer extends the turn.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self.live(attempt) or self._machine.may_play(attempt))
            if not self._machine.play(attempt):
                return self.state(attempt) is State.PLAYING
            self._changed.notify_all()
        self._tell()
        return True

    def wait_committed(self, attempt: int) -> bool:
        """Wait until the turn is known to be over. False: the attempt ended instead."""
        with self._changed:
            self._changed.wait_for(lambda: not self._machine.awaits_commit(attempt))
            return self.live(attempt)

    def wait_audible(self, attempt: int, longest_s: float = LONGEST_HOLD_S) -> bool:
        """Wait while the attempt is held. True: it is playing; False: it ended.

        After `longest_s` seconds it goes on, whatever it was held for: a fault. What the user said may still end it.
        """
        with self._changed:
            known = self._changed.wait_for(lambda: self.state(attempt) is not State.HELD, longest_s)
        if not known and self._change(lambda: self._machine.release(attempt)):
            logger.warning("the reply goes on: for %.0f s it was not known what a sound over it was", longest_s)
        return self.state(attempt) is State.PLAYING

    def wait_while_playing(self, attempt: int, seconds: float) -> bool:
        """Wait so long, or until the attempt is no longer playing. True: it still is."""
        with self._changed:
            return not self._changed.wait_for(lambda: self.state(attempt) is not State.PLAYING, max(0.0, seconds))

    def wait_while_held(self, attempt: int, seconds: float) -> bool:
        """Wait while the attempt is held, at most so long. False: it still is."""
        with self._changed:
            return self._changed.wait_for(lambda: self.state(attempt) is not State.HELD, seconds)

    # --- ends

    def finish(self, attempt: int, plays_until: float = float("-inf")) -> bool:
        """The reply is over, heard or not (it failed, or was empty). False where the attempt had ended already.

        plays_until: seconds on the clock; the end of what was sent is heard until then.
        """
        return self._change(lambda: self._machine.finish(attempt, plays_until))

    def cancel(self, attempt: int) -> bool:
        """The reply is not wanted any more. False where the attempt had ended already."""
        return self._change(lambda: self._machine.cancel(attempt))

    def discard(self, attempt: int) -> bool:
        """Nothing was said after all: the attempt is cancelled, and its turn does not count; a held reply goes on.

        Where the turn is not over yet, the next attempt answers it. False where the attempt had ended already.
        """
        return self._change(lambda: self._machine.discard(attempt))

    def fail(self, attempt: int) -> bool:
        """A stage failed before anything of the reply was made. False where somebody hears it already, or it has ended.

        A reply that is held for this attempt goes on, and so does one that this attempt revises. Where the turn is not
        over, the next attempt answers it. Else the turn ends without an answer.
        """
        return self._change(lambda: self._machine.fail(attempt))

    def close(self) -> None:
        """The conversation is over: everything live is cancelled and nothing new becomes live."""
        self._change(self._machine.close)

    # --- the lock

    def _change(self, act: Callable[[], T]) -> T:
        """Do it under the lock; then wake all who wait, and tell the subscribers, unless it has returned False."""
        with self._changed:
            result = act()
            if result is not False:
                self._changed.notify_all()
        if result is not False:
            self._tell()
        return result

    def _tell(self) -> None:
        for callback in self._subscribers:
            callback()

    def _known(self, attempt: int) -> Attempt:
        if (found := self._machine.attempts.find(attempt)) is None:
            raise KeyError(attempt)
        return found
