"""Attempts and turns: tables, waits, and a state machine of everything that may happen in any order."""

from __future__ import annotations

import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from utils.turns import HEARD, LIVE, UNHEARD, Ended, Speech, State, Turns


def committed(turns: Turns) -> int:
    attempt = turns.begin()
    assert turns.commit(attempt)
    return attempt


def playing(turns: Turns) -> int:
    attempt = committed(turns)
    assert turns.play(attempt)
    return attempt


def test_a_reply_from_beginning_to_end():
    ended: list[Ended] = []
    turns = Turns(ended.append)
    attempt = turns.begin()
    assert turns.state(attempt) is State.PREPARING
    assert turns.commit(attempt)
    assert turns.state(attempt) is State.COMMITTED
    assert turns.play(attempt)
    assert turns.hold(attempt)
    assert turns.state(attempt) is State.HELD
    assert turns.resume(attempt)
    assert turns.finish(attempt)
    assert turns.state(attempt) is State.DONE
    assert ended == [Ended(attempt, 1, State.DONE, heard=True, superseded=False)]
    assert not turns.live(attempt)


def test_speech_before_the_first_byte_extends_the_turn():
    ended: list[Ended] = []
    turns = Turns(ended.append)
    first = committed(turns)
    assert turns.user_speaks() is Speech.EXTENDS
    assert ended == [Ended(first, 1, State.CANCELLED, heard=False, superseded=True)]
    assert turns.next_turn() == 1
    second = committed(turns)
    assert turns.turn_of(second) == 1
    assert not turns.play(first)
    assert turns.play(second)


def test_speech_during_a_reply_interrupts_it():
    ended: list[Ended] = []
    turns = Turns(ended.append)
    first = playing(turns)
    assert turns.user_speaks() is Speech.INTERRUPTS
    assert ended == [Ended(first, 1, State.CANCELLED, heard=True, superseded=False)]
    assert turns.turn_of(committed(turns)) == 2


def test_speech_in_silence_is_a_new_turn():
    turns = Turns()
    assert turns.user_speaks() is Speech.NEW_TURN
    turns.finish(playing(turns))
    assert turns.user_speaks() is Speech.NEW_TURN
    assert turns.next_turn() == 2


def test_a_new_attempt_supersedes_one_that_nobody_heard():
    turns = Turns()
    first = turns.begin()
    second = turns.begin()
    assert not turns.live(first)
    assert turns.live_attempts() == [second]


def test_an_old_reply_goes_on_until_the_new_turn_is_committed():
    turns = Turns()
    old = playing(turns)
    turns.hold(old)
    new = turns.begin()
    assert turns.live_attempts() == [old, new]
    turns.commit(new)
    assert turns.live_attempts() == [new]


def test_a_discarded_turn_never_was():
    turns = Turns()
    turns.finish(playing(turns))
    noise = committed(turns)
    assert turns.turn_of(noise) == 2
    assert turns.discard(noise)
    assert turns.user_speaks() is Speech.NEW_TURN
    assert turns.turn_of(committed(turns)) == 2


def test_a_turn_that_failed_unheard_is_over():
    turns = Turns()
    turns.finish(committed(turns))
    assert turns.user_speaks() is Speech.NEW_TURN
    assert turns.next_turn() == 2


@pytest.mark.parametrize("act", ["commit", "hold", "resume", "finish", "cancel", "discard"])
@pytest.mark.parametrize("end", ["finish", "cancel"])
def test_an_end_is_final(end, act):
    turns = Turns()
    attempt = playing(turns)
    getattr(turns, end)(attempt)
    state = turns.state(attempt)
    assert not getattr(turns, act)(attempt)
    assert turns.state(attempt) is state


def test_nothing_is_live_after_the_close():
    turns = Turns()
    attempt = playing(turns)
    turns.close()
    assert turns.closed
    assert not turns.live(attempt)
    late = turns.begin()
    assert not turns.commit(late)
    assert not turns.play(late)
    assert turns.live_attempts() == []


def waiting(target, *arguments):
    result: list[object] = []
    thread = threading.Thread(target=lambda: result.append(target(*arguments)), daemon=True)
    thread.start()
    return thread, result


@pytest.mark.parametrize("release", ["commit", "cancel", "close"])
def test_play_waits_for_the_commit(release):
    turns = Turns()
    attempt = turns.begin()
    thread, result = waiting(turns.play, attempt)
    turns.close() if release == "close" else getattr(turns, release)(attempt)
    thread.join(5)
    assert result == [release == "commit"]


def test_play_waits_while_the_user_may_have_begun_to_speak():
    turns = Turns()
    attempt = committed(turns)
    turns.doubt(True)
    thread, result = waiting(turns.play, attempt)
    assert turns.state(attempt) is State.COMMITTED
    turns.doubt(False)
    thread.join(5)
    assert result == [True]
    turns.finish(attempt)
    attempt = committed(turns)
    turns.doubt(True)
    thread, result = waiting(turns.play, attempt)
    assert turns.user_speaks() is Speech.EXTENDS
    thread.join(5)
    assert result == [False]


def test_a_held_reply_waits_until_it_goes_on_or_ends():
    turns = Turns()
    attempt = playing(turns)
    for release, audible in ((turns.resume, True), (turns.cancel, False)):
        turns.hold(attempt)
        thread, result = waiting(turns.wait_audible, attempt)
        release(attempt)
        thread.join(5)
        assert result == [audible]


def test_a_pacing_wait_ends_at_once_when_the_reply_is_cancelled():
    turns = Turns()
    attempt = playing(turns)
    thread, result = waiting(turns.wait_while_playing, attempt, 60.0)
    turns.cancel(attempt)
    thread.join(5)
    assert result == [False]
    assert not thread.is_alive()
    assert turns.wait_while_playing(playing(turns), 0.0)


def test_subscribers_are_told_outside_the_lock():
    turns = Turns()
    seen = []

    def look():
        thread, result = waiting(turns.live_attempts)  # would wait for ever under the lock
        thread.join(5)
        seen.append(result[0])

    turns.subscribe(look)
    attempt = committed(turns)
    turns.cancel(attempt)
    assert seen == [[attempt], [attempt], []]


def test_the_past_is_forgotten():
    turns = Turns()
    for _ in range(1000):
        turns.finish(playing(turns))
    assert len(turns._attempts) < 50


class AnyOrder(RuleBasedStateMachine):
    """Every method, in any order, on any attempt."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[Ended] = []
        self.turns = Turns(self.ended.append)
        self.attempts: list[int] = []
        self.final: dict[int, State] = {}
        self.in_doubt = False

    def pick(self, index: int) -> int:
        return self.attempts[index % len(self.attempts)] if self.attempts else 0

    @rule()
    def begin(self) -> None:
        self.attempts.append(self.turns.begin())

    @rule(index=st.integers(0, 5), act=st.sampled_from(["commit", "hold", "resume", "finish", "cancel", "discard"]))
    def act(self, index: int, act: str) -> None:
        attempt = self.pick(-index)
        before = self.turns.state(attempt)
        done = getattr(self.turns, act)(attempt)
        allowed = {
            "commit": {State.PREPARING}, "hold": {State.PLAYING}, "resume": {State.HELD},
        }.get(act, LIVE)  # fmt: skip
        assert done == (before in allowed)

    @rule(index=st.integers(0, 5))
    def play(self, index: int) -> None:
        attempt = self.pick(-index)
        state = self.turns.state(attempt)
        if state in (State.PREPARING, State.HELD) or (state is State.COMMITTED and self.in_doubt):
            return  # it would wait
        assert self.turns.play(attempt) == (state in (State.COMMITTED, State.PLAYING))

    @rule(in_doubt=st.booleans())
    def doubt(self, in_doubt: bool) -> None:
        self.in_doubt = in_doubt
        self.turns.doubt(in_doubt)

    @rule()
    def user_speaks(self) -> None:
        states = {self.turns.state(attempt) for attempt in self.turns.live_attempts()}
        turn = self.turns.next_turn()
        speech = self.turns.user_speaks()
        self.in_doubt = False
        assert (speech is Speech.EXTENDS) == bool(states & UNHEARD)
        assert (speech is Speech.NEW_TURN) == (not states)
        assert not self.turns.live_attempts()
        assert self.turns.next_turn() == turn

    @invariant()
    def at_most_two_are_live(self) -> None:
        states = [self.turns.state(attempt) for attempt in self.turns.live_attempts()]
        assert sum(state in HEARD for state in states) <= 1
        assert sum(state in UNHEARD for state in states) <= 1

    @invariant()
    def ends_are_told_once_and_final(self) -> None:
        numbers = [end.attempt for end in self.ended]
        assert len(numbers) == len(set(numbers))
        assert set(numbers) == set(self.attempts) - set(self.turns.live_attempts())
        for end in self.ended[-10:]:
            assert self.turns.state(end.attempt) is end.state

    @invariant()
    def heard_turns_are_numbered_in_order(self) -> None:
        heard = [end.turn for end in self.ended if end.heard]
        assert heard == sorted(set(heard))


AnyOrder.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
