"""The transitions of one attempt as a table: what each act makes of each state."""

from __future__ import annotations

import pytest

from tests.fakes import FakeClock
from utils.turns.attempts import Ended, State
from utils.turns.machine import TurnMachine

PREPARING, COMMITTED, PLAYING, HELD, DONE, CANCELLED = State

ACTS = {
    "commit": lambda machine: machine.commit(1),
    "confirm": lambda machine: machine.confirm(1),
    "play": lambda machine: machine.play(1),
    "doubt": lambda machine: machine.doubt(True),
    "no doubt": lambda machine: machine.doubt(False),
    "speech": lambda machine: machine.user_speaks(words=True),
    "a sound": lambda machine: machine.user_speaks(words=False),
    "interrupt": lambda machine: machine.interrupt(),
    "finish": lambda machine: machine.finish(1, 0.0),
    "cancel": lambda machine: machine.cancel(1),
    "discard": lambda machine: machine.discard(1),
    "close": lambda machine: machine.close(),
}
WAY = {PREPARING: [], COMMITTED: ["commit"], PLAYING: ["commit", "play"], HELD: ["commit", "play", "doubt"]}
TABLE = {  # act → what becomes of an attempt in each of the live states
    "commit": [COMMITTED, COMMITTED, PLAYING, HELD],
    "confirm": [PREPARING, COMMITTED, PLAYING, HELD],
    "play": [PREPARING, PLAYING, PLAYING, HELD],
    "doubt": [PREPARING, COMMITTED, HELD, HELD],
    "no doubt": [PREPARING, COMMITTED, PLAYING, PLAYING],
    "speech": [CANCELLED, CANCELLED, HELD, HELD],
    "a sound": [CANCELLED, CANCELLED, HELD, HELD],
    "interrupt": [PREPARING, COMMITTED, CANCELLED, CANCELLED],
    "finish": [DONE, DONE, DONE, DONE],
    "cancel": [CANCELLED, CANCELLED, CANCELLED, CANCELLED],
    "discard": [CANCELLED, CANCELLED, CANCELLED, CANCELLED],
    "close": [CANCELLED, CANCELLED, CANCELLED, CANCELLED],
}
ROWS = [(act, before, after) for act, row in TABLE.items() for before, after in zip(WAY, row, strict=True)]


def machine_in(state: State) -> tuple[TurnMachine, list[Ended]]:
    """A machine whose attempt 1 is in this state, and the list of ends that it tells of."""
    ended: list[Ended] = []
    machine = TurnMachine(ended.append, FakeClock())
    assert machine.begin() == 1
    for act in WAY[state]:
        ACTS[act](machine)
    assert state_of(machine) is state
    return machine, ended


def state_of(machine: TurnMachine, number: int = 1) -> State:
    found = machine.attempts.find(number)
    assert found is not None
    return found.state


@pytest.mark.parametrize(("act", "before", "after"), ROWS)
def test_a_transition(act, before, after):
    machine, ended = machine_in(before)
    ACTS[act](machine)
    assert state_of(machine) is after
    assert [end.state for end in ended] == ([after] if after in (DONE, CANCELLED) else [])


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("end", ["finish", "cancel"])
def test_an_end_is_final(act, end):
    machine, ended = machine_in(PLAYING)
    ACTS[end](machine)
    ACTS[act](machine)
    assert state_of(machine) is ended[0].state
    assert len(ended) == 1


# --- an attempt that is spared


def spared(committed: bool = False) -> tuple[TurnMachine, list[Ended]]:
    """Attempt 1 is understood; then the user makes a sound, and attempt 2 begins."""
    machine, ended = machine_in(COMMITTED if committed else PREPARING)
    machine.confirm(1)
    machine.user_speaks(words=False)
    assert state_of(machine) is (COMMITTED if committed else PREPARING)
    machine.begin()
    return machine, ended


@pytest.mark.parametrize("committed", [False, True])
def test_the_same_words_keep_the_spared_attempt_and_it_answers_to_both_numbers(committed):
    machine, ended = spared(committed)
    assert not machine.may_play(1)
    assert machine.awaits_commit(1)
    assert machine.keep_spared(2)
    assert [(end.attempt, end.superseded, end.continues_in) for end in ended] == [(2, True, 1)]
    assert machine.commit(2)
    assert [state_of(machine, number) for number in (1, 2)] == [COMMITTED, COMMITTED]
    assert machine.may_play(1)


@pytest.mark.parametrize("committed", [False, True])
def test_other_words_end_the_spared_attempt(committed):
    machine, ended = spared(committed)
    assert machine.confirm(2)
    assert [(end.attempt, end.superseded) for end in ended] == [(1, True)]
    assert not machine.keep_spared(2)


def test_a_second_sound_ends_the_younger_attempt_and_not_the_spared_one():
    machine, ended = spared()
    machine.user_speaks(words=False)
    assert [end.attempt for end in ended] == [2]
    assert machine.begin() == 3
    assert machine.keep_spared(3)
    assert state_of(machine) is PREPARING


def test_nothing_is_kept_where_no_attempt_is_spared():
    machine, _ = machine_in(PREPARING)
    assert not machine.keep_spared(1)
    machine.confirm(1)
    machine.user_speaks(words=False)
    assert not machine.keep_spared(1)  # it revises none itself
