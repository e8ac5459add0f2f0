"""What the scheduler tells of itself, and what steps cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.engines.costs import USUAL_S, MeasuredSteps
from utils.engines.demands import Capacity, Demand, Part, Plan, StepKind
from utils.engines.figures import WINDOW_S, History, Lateness, StepMade
from utils.engines.policy import Policy

PIECE = StepKind("tts", Part.TTS, "piece", max_batch=4)
TOKEN = StepKind("lm", Part.LM, "token")
MAX_WAIT_S = 1.0


def policy():
    return Policy(Capacity(1), MeasuredSteps(), max_wait_s=MAX_WAIT_S)


def answer(made, number, asked_at, at):
    """A first sound that was asked for, and came."""
    made.add(number, Plan(PIECE), Demand.first(asked_at), asked_at)
    made.choose(at)
    made.finished("tts", at, [number])
    made.end(number)


def test_admission_closes_when_first_sounds_are_late_and_opens_again():
    made = policy()
    assert made.admits(0.0)
    answer(made, 0, 0.0, 0.9)
    assert made.admits(0.9)
    answer(made, 1, 1.0, 2.5)
    answer(made, 2, 2.0, 3.5)
    assert not made.admits(3.5)
    assert not made.figures(3.5).admits
    assert made.admits(3.6 + WINDOW_S)


def test_admission_closes_for_one_who_still_waits():
    made = policy()
    made.add(0, Plan(PIECE), Demand.first(0.0), 0.0)
    assert made.admits(0.5)
    assert not made.admits(1.1)
    made.end(0)
    assert made.admits(1.1)


def test_quick_transcripts_do_not_hide_late_voices():
    history = History(MAX_WAIT_S)
    for _ in range(10):
        history.first_output(Part.STT, 0.1, 0.0)
    history.first_output(Part.TTS, 1.5, 0.0)
    assert not history.admits([], 0.0)


def test_admission_closes_when_replies_have_gaps():
    made = policy()
    made.add(0, Plan(PIECE), Demand.speech(0.0, 0.5), 0.0)
    made.choose(0.0)
    made.finished("tts", 0.45, [0])  # it was due, and has not run dry
    assert made.admits(0.45)
    made.choose(0.45)
    made.finished("tts", 0.6, [0])
    assert not made.admits(0.6)
    assert made.admits(0.7 + WINDOW_S)


def test_speculation_is_no_matter_of_admission():
    made = policy()
    made.add(0, Plan(TOKEN), Demand.ahead(0.0), 0.0)
    assert made.admits(5.0)
    made.choose(5.0)
    step = made.finished("lm", 5.1, [0])
    assert step.lateness_s == ()
    assert made.admits(5.1)


def test_lateness_and_batches():
    made = policy()
    for number in range(3):
        made.add(number, Plan(PIECE), Demand.first(0.0), 0.0)
    made.choose(0.5)  # it was to begin 50 ms before 0.3 s
    step = made.finished("tts", 0.6, [0, 1, 2], batch=2)  # one of them was not wanted any more
    assert step == StepMade(PIECE, 2, pytest.approx(0.1), (pytest.approx(0.25),) * 3)
    figures = made.figures(0.6)
    assert figures.lateness == {Part.TTS: Lateness(pytest.approx(0.25), pytest.approx(0.25))}
    assert figures.batches == {Part.TTS: 2.0}
    assert figures.past_capacity


def test_steps_before_their_latest_start_are_not_late():
    history = History(MAX_WAIT_S)
    history.step(StepMade(TOKEN, 1, 0.01, (-5.0,)))
    history.step(StepMade(TOKEN, 1, 0.01, (float("-inf"),)))  # without a due time
    assert history.lateness() == {Part.LM: Lateness(0.0, 0.0)}


def test_a_step_that_nobody_wanted_teaches_nothing():
    costs = MeasuredSteps()
    made = Policy(Capacity(1), costs)
    made.add(0, Plan(PIECE), Demand.first(0.0), 0.0)
    made.choose(0.0)
    made.finished("tts", 0.001, batch=0)
    assert costs.step_s(PIECE, 1) == USUAL_S
    assert made.figures(0.0).batches == {}


def test_costs():
    costs = MeasuredSteps()
    assert costs.step_s(PIECE, 3) == USUAL_S
    for seconds in (0.01, 0.01, 9.0):
        costs.record(PIECE, 1, seconds)
    costs.record(PIECE, 4, 0.02)
    assert [costs.step_s(PIECE, batch) for batch in (1, 2, 3, 4, 8)] == [0.01, 0.01, 0.02, 0.02, 0.02]
    assert costs.step_s(TOKEN, 1) == USUAL_S


@given(st.floats(0.001, 1), st.lists(st.floats(0, 100), max_size=7))
def test_a_few_steps_that_were_held_up_change_nothing(usual_s, others):
    costs = MeasuredSteps()
    for _ in range(8):
        costs.record(TOKEN, 1, usual_s)
    for seconds in others:
        costs.record(TOKEN, 1, seconds)
    assert costs.step_s(TOKEN, 1) == usual_s


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"max_batch": 0}])
def test_a_step_without_threads_or_jobs_is_refused(wrong):
    with pytest.raises(ValueError, match="at least one"):
        StepKind("lm", Part.LM, "token", **wrong)


def test_a_device_without_capacity_is_refused():
    with pytest.raises(ValueError, match="capacity"):
        Capacity(0)
