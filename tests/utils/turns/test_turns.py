"""Attempts and turns: tables, waits, and a state machine of everything that may happen in any order."""

from __future__ import annotations

import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.fakes import FakeClock
from tests.waiting import DEADLINE_S
from utils.turns.turns import HEARD, LIVE, UNHEARD, Ended, Speech, State, Turns


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
    clock = FakeClock()
    turns = Turns(ended.append, clock)
    attempt = turns.begin()
    assert turns.state(attempt) is State.PREPARING
    assert turns.commit(attempt)
    assert turns.state(attempt) is State.COMMITTED
    assert turns.play(attempt)
    held = clock()
    turns.doubt(True)
    assert turns.state(attempt) is State.HELD
    clock.advance(0.5)
    turns.doubt(False)
    assert turns.state(attempt) is State.PLAYING
    clock.advance(2)
    assert turns.finish(attempt)
    assert turns.state(attempt) is State.DONE
    assert ended == [
        Ended(attempt, 1, State.DONE, heard=True, superseded=False, false_interruptions=1, holds=((held, held + 0.5),))
    ]
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


def test_speech_during_a_reply_holds_it_and_its_words_interrupt_it():
    ended: list[Ended] = []
    clock = FakeClock()
    turns = Turns(ended.append, clock)
    first = playing(turns)
    assert turns.user_speaks() is Speech.INTERRUPTS
    clock.advance(0.7)
    assert turns.state(first) is State.HELD
    second = turns.begin()
    assert turns.doubtful(second)
    assert turns.commit(second)
    assert turns.state(second) is State.PREPARING
    assert turns.state(first) is State.HELD
    assert not ended
    assert turns.confirm(second)
    held = ((clock() - 0.7, clock()),)
    assert ended == [Ended(first, 1, State.CANCELLED, heard=True, superseded=False, holds=held)]
    assert turns.state(second) is State.COMMITTED
    assert turns.turn_of(second) == 2


def test_words_may_be_confirmed_before_the_turn_is_over():
    turns = Turns()
    first = playing(turns)
    turns.user_speaks()
    second = turns.begin()
    assert turns.confirm(second)
    assert not turns.live(first)
    assert turns.state(second) is State.PREPARING
    assert not turns.doubtful(second)
    assert turns.commit(second)
    assert turns.state(second) is State.COMMITTED


def test_a_reply_goes_on_when_nothing_was_said():
    ended: list[Ended] = []
    turns = Turns(ended.append)
    first = playing(turns)
    for count, over in enumerate((False, True), 1):
        turns.user_speaks()
        cough = turns.begin()
        if over:
            turns.commit(cough)
        assert turns.state(first) is State.HELD
        assert turns.discard(cough)
        assert turns.state(first) is State.PLAYING
        assert ended[-1] == Ended(cough, 2, State.CANCELLED, heard=False, superseded=False)
        assert turns.next_turn() == 2
        assert len(ended) == count
    turns.finish(first)
    assert ended[-1].false_interruptions == 2


def test_a_reply_stays_held_while_the_user_goes_on():
    turns = Turns()
    first = playing(turns)
    turns.user_speaks()
    cough = turns.begin()
    turns.doubt(True)
    turns.discard(cough)
    assert turns.state(first) is State.HELD
    turns.doubt(False)
    assert turns.state(first) is State.PLAYING


def test_speech_over_a_reply_that_goes_on_is_one_turn():
    turns = Turns()
    first = playing(turns)
    turns.user_speaks()
    begun = turns.begin()
    turns.commit(begun)
    assert turns.user_speaks() is Speech.EXTENDS
    assert not turns.confirm(begun)
    assert turns.state(first) is State.HELD
    whole = turns.begin()
    turns.commit(whole)
    assert turns.confirm(whole)
    assert turns.turn_of(whole) == 2
    assert turns.live_attempts() == [whole]


def test_a_sure_interruption_ends_the_reply_at_once():
    turns = Turns()
    first = playing(turns)
    turns.user_speaks()
    turns.interrupt()
    assert not turns.live(first)
    second = turns.begin()
    assert not turns.doubtful(second)
    assert turns.commit(second)
    assert turns.state(second) is State.COMMITTED


def test_a_reply_that_ends_while_its_interruption_is_in_doubt():
    turns = Turns()
    first = playing(turns)
    turns.user_speaks()
    second = turns.begin()
    turns.commit(second)
    turns.cancel(first)
    assert not turns.doubtful(second)
    assert turns.confirm(second)
    assert turns.state(second) is State.COMMITTED


def test_a_reply_is_heard_until_what_was_sent_of_it_has_played():
    clock = FakeClock()
    turns = Turns(clock=clock)
    assert not turns.reply_is_heard()
    first = playing(turns)
    assert turns.reply_is_heard()
    assert not turns.reply_is_held()
    turns.doubt(True)
    assert turns.reply_is_held()
    turns.finish(first, clock() + 0.2)
    assert not turns.reply_is_held()
    assert turns.reply_is_heard()
    clock.advance(0.2)
    assert not turns.reply_is_heard()


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
    new = turns.begin()
    assert turns.live_attempts() == [old, new]
    turns.commit(new)
    assert turns.live_attempts() == [old, new]
    turns.confirm(new)
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


@pytest.mark.parametrize("act", ["commit", "confirm", "finish", "cancel", "discard"])
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
    thread.join(DEADLINE_S)
    assert result == [release == "commit"]


def test_play_waits_while_the_user_may_have_begun_to_speak():
    turns = Turns()
    attempt = committed(turns)
    turns.doubt(True)
    thread, result = waiting(turns.play, attempt)
    assert turns.state(attempt) is State.COMMITTED
    turns.doubt(False)
    thread.join(DEADLINE_S)
    assert result == [True]
    turns.finish(attempt)
    attempt = committed(turns)
    turns.doubt(True)
    thread, result = waiting(turns.play, attempt)
    assert turns.user_speaks() is Speech.EXTENDS
    thread.join(DEADLINE_S)
    assert result == [False]


def test_a_held_reply_waits_until_it_goes_on_or_ends():
    turns = Turns()
    attempt = playing(turns)
    for release, audible in ((lambda: turns.doubt(False), True), (lambda: turns.cancel(attempt), False)):
        turns.doubt(True)
        thread, result = waiting(turns.wait_audible, attempt)
        release()
        thread.join(DEADLINE_S)
        assert result == [audible]


def test_a_pacing_wait_ends_at_once_when_the_reply_is_cancelled():
    turns = Turns()
    attempt = playing(turns)
    thread, result = waiting(turns.wait_while_playing, attempt, 60.0)
    turns.cancel(attempt)
    thread.join(DEADLINE_S)
    assert result == [False]
    assert not thread.is_alive()
    assert turns.wait_while_playing(playing(turns), 0.0)


def test_subscribers_are_told_outside_the_lock():
    turns = Turns()
    seen = []

    def look():
        thread, result = waiting(turns.live_attempts)  # would wait for ever under the lock
        thread.join(DEADLINE_S)
        seen.append(result[0])

    turns.subscribe(look)
    attempt = committed(turns)
    turns.cancel(attempt)
    assert seen == [[attempt], [attempt], []]


def test_the_past_is_forgotten():
    turns = Turns()
    for _ in range(1000):
        turns.finish(playing(turns))
    assert len(turns._machine.attempts) < 50


# --- speech that may hold no words


@pytest.fixture
def running() -> tuple[Turns, int, list[Ended]]:
    """An attempt that was begun in a pause and is understood; then the user makes a sound."""
    ended: list[Ended] = []
    turns = Turns(ended.append)
    attempt = turns.begin()
    turns.confirm(attempt)
    assert turns.user_speaks(words=False) is Speech.EXTENDS
    return turns, attempt, ended


def test_an_attempt_goes_on_when_the_user_says_no_more(running):
    turns, older, ended = running
    younger = turns.begin()
    assert turns.live_attempts() == [older, younger]
    assert turns.keep_spared(younger)
    assert ended == [Ended(younger, 1, State.CANCELLED, False, True, 0, continues_in=older)]
    assert turns.number_of(younger) == older
    assert turns.commit(younger)
    assert turns.state(older) is State.COMMITTED
    assert turns.play(older)


def test_the_turn_may_be_over_before_it_is_known_that_there_were_no_more_words(running):
    turns, older, _ = running
    younger = turns.begin()
    turns.commit(younger)
    assert turns.state(older) is State.PREPARING
    assert turns.keep_spared(younger)
    assert turns.play(older)


def test_an_attempt_is_over_when_there_were_more_words(running):
    turns, older, ended = running
    younger = turns.begin()
    assert turns.confirm(younger)
    assert ended == [Ended(older, 1, State.CANCELLED, False, True)]
    assert not turns.keep_spared(younger)
    turns.commit(younger)
    assert turns.play(younger)


def test_an_attempt_is_over_when_the_sound_becomes_long(running):
    turns, older, _ = running
    turns.user_speaks()
    assert not turns.live(older)


def test_an_attempt_that_is_not_understood_yet_is_not_worth_keeping():
    turns = Turns()
    attempt = turns.begin()
    turns.user_speaks(words=False)
    assert not turns.live(attempt)


def test_a_third_attempt_revises_the_first(running):
    turns, first, _ = running
    second = turns.begin()
    turns.user_speaks(words=False)
    assert turns.live_attempts() == [first]
    third = turns.begin()
    assert turns.live_attempts() == [first, third]
    assert not turns.live(second)
    assert turns.keep_spared(third)


def test_a_committed_attempt_is_not_heard_while_another_revises_it():
    turns = Turns()
    older = turns.begin()
    turns.confirm(older)
    turns.commit(older)
    turns.user_speaks(words=False)
    younger = turns.begin()
    assert not turns.may_play(older)
    turns.keep_spared(younger)
    assert turns.may_play(older)
    assert turns.commit(younger)  # it answers to this number too
    assert turns.turn_of(younger) == 1


@pytest.mark.parametrize("end", ["finish", "cancel", "discard"])
def test_an_attempt_that_ends_takes_the_one_that_it_revises_with_it(running, end):
    turns, _, _ = running
    younger = turns.begin()
    assert getattr(turns, end)(younger)
    assert turns.live_attempts() == []


def test_nothing_said_before_the_turn_is_over_is_no_end_of_the_turn():
    ended: list[Ended] = []
    turns = Turns(ended.append)
    turns.discard(turns.begin())
    assert ended[-1].superseded
    attempt = turns.begin()
    turns.commit(attempt)
    turns.discard(attempt)
    assert not ended[-1].superseded


def test_an_empty_reply_waits_until_the_turn_is_over():
    turns = Turns()
    attempt = turns.begin()
    waiting = threading.Thread(target=lambda: results.append(turns.wait_committed(attempt)))
    results: list[bool] = []
    waiting.start()
    turns.commit(attempt)
    waiting.join(10)
    assert results == [True]
    other = turns.begin()
    turns.user_speaks()
    assert not turns.wait_committed(other)


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
        self.in_doubt = False

    @rule(index=st.integers(0, 5), act=st.sampled_from(["commit", "confirm", "finish", "cancel", "discard"]))
    def act(self, index: int, act: str) -> None:
        attempt = self.pick(-index)
        before = self.turns.state(attempt)
        assert getattr(self.turns, act)(attempt) == (before in LIVE)

    @rule(index=st.integers(0, 5))
    def same(self, index: int) -> None:
        attempt, live = self.pick(-index), self.turns.live_attempts()
        if self.turns.keep_spared(attempt):
            assert self.turns.number_of(attempt) in live
            assert self.turns.number_of(attempt) < attempt
            assert self.turns.state(attempt) in UNHEARD
            assert self.ended[-1].attempt == attempt
            assert self.ended[-1].continues_in == self.turns.number_of(attempt)

    @rule(index=st.integers(0, 5))
    def play(self, index: int) -> None:
        attempt = self.pick(-index)
        state = self.turns.state(attempt)
        if state in LIVE and not self.turns.may_play(attempt):
            return  # it would wait
        assert not (state is State.COMMITTED and self.in_doubt)
        assert self.turns.play(attempt) == (state in (State.COMMITTED, State.PLAYING))

    @rule(in_doubt=st.booleans())
    def doubt(self, in_doubt: bool) -> None:
        self.in_doubt = in_doubt
        self.turns.doubt(in_doubt)

    @rule(words=st.booleans())
    def user_speaks(self, words: bool) -> None:
        states = {self.turns.state(attempt) for attempt in self.turns.live_attempts()}
        turn = self.turns.next_turn()
        speech = self.turns.user_speaks(words)
        self.in_doubt = True
        assert (speech is Speech.EXTENDS) == bool(states & UNHEARD)
        assert (speech is Speech.NEW_TURN) == (not states)
        live = self.turns.live_attempts()
        assert all(self.turns.state(attempt) is State.HELD or not words for attempt in live)
        assert not any(self.turns.may_play(attempt) for attempt in live)
        assert self.turns.next_turn() == turn

    @rule()
    def interrupt(self) -> None:
        self.turns.interrupt()
        assert not self.turns.reply_is_heard()

    @invariant()
    def a_reply_is_held_just_as_long_as_the_user_may_speak(self) -> None:
        for attempt in self.turns.live_attempts():
            if self.turns.state(attempt) in HEARD:
                doubtful = any(self.turns.doubtful(other) for other in self.turns.live_attempts())
                assert (self.turns.state(attempt) is State.HELD) == (self.in_doubt or doubtful)

    @invariant()
    def one_is_heard_and_of_the_others_the_youngest_may_be(self) -> None:
        states = [self.turns.state(attempt) for attempt in self.turns.live_attempts()]
        assert sum(state in HEARD for state in states) <= 1
        assert sum(state in UNHEARD for state in states) <= 2
        for older in [attempt for attempt in self.turns.live_attempts() if self.turns.state(attempt) in UNHEARD][:-1]:
            assert not self.turns.may_play(older)

    @invariant()
    def ends_are_told_once_and_final(self) -> None:
        numbers = [end.attempt for end in self.ended]
        assert len(numbers) == len(set(numbers))
        assert set(numbers) == set(self.attempts) - set(self.turns.live_attempts())
        for end in self.ended[-10:]:
            assert self.turns.state(end.attempt) is end.state or end.continues_in is not None

    @invariant()
    def heard_turns_are_numbered_in_order(self) -> None:
        heard = [end.turn for end in self.ended if end.heard]
        assert heard == sorted(set(heard))


AnyOrder.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
