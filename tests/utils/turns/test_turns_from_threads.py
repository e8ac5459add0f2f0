"""Turns: numbers and ends over any history, the close included, and many threads at once."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from utils.turns.turns import HEARD, LIVE, UNHEARD, Ended, Speech, State, Turns

WAIT_S = 10


class History(RuleBasedStateMachine):
    """What must hold of the numbers and the ends, whatever happens and whenever the conversation is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[Ended] = []
        self.turns = Turns(self.ended.append)
        self.begun: list[int] = []  # before the close
        self.turn: dict[int, int] = {}
        self.committed: set[int] = set()
        self.discarded: set[int] = set()
        self.in_doubt = False
        self.expected_turn: int | None = None  # of the next attempt, after one that was superseded

    def newest(self, states: frozenset[State]) -> int | None:
        return next((a for a in reversed(self.begun) if self.turns.state(a) in states), None)

    def note_superseded(self, ends_before: int) -> None:
        for end in self.ended[ends_before:]:
            if end.superseded:
                self.expected_turn = end.turn

    @rule()
    def begin(self) -> None:
        before = len(self.ended)
        attempt = self.turns.begin()
        if self.turns.closed:
            assert not self.turns.live(attempt)
            return
        self.in_doubt = False
        self.begun.append(attempt)
        self.turn[attempt] = self.turns.turn_of(attempt)
        self.note_superseded(before)
        if self.expected_turn is not None:
            assert self.turn[attempt] == self.expected_turn
            self.expected_turn = None

    @rule()
    def commit(self) -> None:
        attempt = self.newest(frozenset({State.PREPARING}))
        if attempt is not None and self.turns.commit(attempt):
            self.note_committed()

    def note_committed(self) -> None:
        """A doubtful attempt is committed when it is confirmed, too."""
        self.committed |= {a for a in self.turns.live_attempts() if self.turns.state(a) is State.COMMITTED}

    @rule()
    def play(self) -> None:
        attempt = self.newest(UNHEARD)
        if attempt is None:
            return
        if self.turns.state(attempt) is State.COMMITTED and not self.in_doubt:
            assert self.turns.play(attempt)
            assert attempt in self.committed

    @rule()
    def confirm(self) -> None:
        attempt = self.newest(UNHEARD)
        if attempt is not None:
            assert self.turns.confirm(attempt)
            self.note_committed()

    @rule(act=st.sampled_from(["finish", "cancel", "discard"]), of=st.sampled_from([UNHEARD, HEARD]))
    def end(self, act: str, of: frozenset[State]) -> None:
        attempt = self.newest(of)
        if attempt is None:
            return
        was_committed = self.turns.state(attempt) is State.COMMITTED
        found = self.turns._machine.attempts.find(attempt)
        goes_on = act == "discard" and not (found.turn_over or found.doubtful)
        assert getattr(self.turns, act)(attempt)
        assert self.ended[-1].attempt == attempt
        assert self.ended[-1].superseded == goes_on
        if goes_on:
            self.expected_turn = self.ended[-1].turn
        if act == "discard" and was_committed:
            self.discarded.add(attempt)

    @rule(in_doubt=st.booleans())
    def doubt(self, in_doubt: bool) -> None:
        self.in_doubt = in_doubt
        self.turns.doubt(in_doubt)

    @rule()
    def user_speaks(self) -> None:
        unheard, live = self.newest(UNHEARD), self.newest(LIVE)
        before = len(self.ended)
        speech = self.turns.user_speaks()
        self.in_doubt = True
        assert (speech is Speech.EXTENDS) == (unheard is not None)
        assert (speech is Speech.INTERRUPTS) == (unheard is None and live is not None)
        self.note_superseded(before)

    @precondition(lambda self: len(self.begun) > 10)  # most of a history is before the close
    @rule()
    def close(self) -> None:
        self.turns.close()

    @invariant()
    def each_attempt_ends_once(self) -> None:
        ends = [end.attempt for end in self.ended]
        assert len(ends) == len(set(ends))
        assert set(ends) == set(self.begun) - set(self.turns.live_attempts())
        assert not (self.turns.closed and self.turns.live_attempts())

    @invariant()
    def an_end_is_final_and_true(self) -> None:
        for end in self.ended:
            assert self.turns.state(end.attempt) in (end.state, State.CANCELLED)  # forgotten ones count as cancelled
            assert not self.turns.live(end.attempt)
            assert end.turn == self.turn[end.attempt]
            assert not (end.heard and end.superseded)
            assert not end.heard or end.attempt in self.committed

    @invariant()
    def turns_that_were_are_numbered_without_a_gap(self) -> None:
        were = [
            end.turn
            for end in self.ended
            if end.attempt in self.committed and not end.superseded and end.attempt not in self.discarded
        ]
        assert were == list(range(1, len(were) + 1))


History.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestHistory = History.TestCase


def blocked(turns: Turns, wait, *arguments):
    """Start `wait` on a thread, and return once that thread waits inside `Turns`."""
    inside, result = threading.Event(), []
    wait_for = turns._changed.wait_for

    def seen(predicate, timeout=None):
        inside.set()  # the lock is held here, so nothing can change before the wait has begun
        return wait_for(predicate, timeout)

    turns._changed.wait_for = seen
    thread = threading.Thread(target=lambda: result.append(wait(*arguments)), daemon=True)
    thread.start()
    assert inside.wait(WAIT_S)
    with turns._changed:
        pass  # it has let go of the lock: it waits
    return thread, result


RELEASES = [
    ("preparing", "commit", True),
    ("preparing", "begin", False),
    ("preparing", "user_speaks", False),
    ("preparing", "finish", False),
    ("preparing", "discard", False),
    ("doubt", "calm", True),
    ("doubt", "user_speaks", False),
    ("doubt", "begin", False),
    ("doubt", "close", False),
]


@pytest.mark.parametrize(("state", "release", "played"), RELEASES)
def test_play_really_waits_and_is_woken_by_everything_that_decides(state, release, played):
    turns = Turns()
    attempt = turns.begin()
    if state == "doubt":
        turns.commit(attempt)
        turns.doubt(True)
    thread, result = blocked(turns, turns.play, attempt)
    assert result == []
    if release == "calm":
        turns.doubt(False)
    elif release in ("begin", "user_speaks", "close"):
        getattr(turns, release)()
    else:
        getattr(turns, release)(attempt)
    thread.join(WAIT_S)
    assert result == [played]


def test_sure_speech_ends_the_doubt_so_that_its_own_answer_can_start():
    turns = Turns()
    turns.doubt(True)
    turns.user_speaks()
    attempt = turns.begin()
    turns.commit(attempt)
    player, result = threading.Thread(target=lambda: result.append(turns.play(attempt)), daemon=True), []
    player.start()
    player.join(WAIT_S)
    assert result == [True]


def test_a_commit_in_doubt_does_not_let_play_go():
    turns = Turns()
    attempt = turns.begin()
    turns.doubt(True)
    thread, result = blocked(turns, turns.play, attempt)
    turns.commit(attempt)
    assert turns.state(attempt) is State.COMMITTED
    assert result == []
    turns.doubt(False)
    thread.join(WAIT_S)
    assert result == [True]


@pytest.mark.parametrize(("release", "audible"), [("calm", True), ("interrupt", False), ("close", False)])
def test_a_held_reply_really_waits(release, audible):
    turns = Turns()
    attempt = turns.begin()
    turns.commit(attempt)
    turns.play(attempt)
    turns.doubt(True)
    thread, result = blocked(turns, turns.wait_audible, attempt)
    assert result == []
    turns.doubt(False) if release == "calm" else getattr(turns, release)()
    thread.join(WAIT_S)
    assert result == [audible]


def test_an_end_is_settled_before_anybody_can_act_on_it():
    """`on_end` runs under the lock: whoever begins the next attempt finds the chat settled."""
    settled = []

    def settle(ended: Ended) -> None:
        thread = threading.Thread(target=lambda: settled.append(("begun", turns.begin())), daemon=True)
        thread.start()
        thread.join(0.05)  # it can't get in
        settled.append(("settled", ended.attempt))
        threads.append(thread)

    threads: list[threading.Thread] = []
    turns = Turns(settle)
    turns.commit(turns.begin())
    turns.finish(1)
    for thread in threads:
        thread.join(WAIT_S)
    assert settled == [("settled", 1), ("begun", 2)]


def test_many_threads_at_once_leave_nothing_live_and_nobody_waiting():
    ended: list[Ended] = []
    turns = Turns(ended.append)
    begun: list[int] = []
    start = threading.Barrier(6)

    def speak(seed: int) -> None:
        dice = random.Random(seed)
        start.wait(WAIT_S)
        for _ in range(300):
            if dice.random() < 0.2:
                turns.user_speaks()
            attempt = turns.begin()
            begun.append(attempt)
            turns.doubt(dice.random() < 0.3)
            if dice.random() < 0.8:
                turns.commit(attempt)
            turns.doubt(False)

    def reply(seed: int) -> None:
        dice = random.Random(seed)
        start.wait(WAIT_S)
        while not turns.closed:
            for attempt in turns.live_attempts():
                turns.confirm(attempt)
                if turns.play(attempt) and dice.random() < 0.5:
                    turns.doubt(True)
                    turns.doubt(False)
                    turns.wait_while_playing(attempt, 0.0)
                getattr(turns, dice.choice(["finish", "cancel", "discard"]))(attempt)

    speakers = [threading.Thread(target=speak, args=(n,), daemon=True) for n in range(3)]
    repliers = [threading.Thread(target=reply, args=(n,), daemon=True) for n in range(3)]
    for thread in [*speakers, *repliers]:
        thread.start()
    for thread in speakers:
        thread.join(60)
    turns.close()
    for thread in repliers:
        thread.join(WAIT_S)
    assert not any(thread.is_alive() for thread in [*speakers, *repliers])
    assert turns.live_attempts() == []
    assert sorted(end.attempt for end in ended) == sorted(begun)
