"""Steps for several jobs at once, on real threads."""

from __future__ import annotations

import threading

import pytest

from tests.utils.engines.fake_work import NEVER_DUE, Gate, on_a_thread
from tests.waiting import DEADLINE_S, wait_until
from utils.engines.demands import Demand, Part, Plan
from utils.engines.job import Terms
from utils.engines.work import Stepped


class Row:
    """Counts to `end`, after a prompt that is read alone."""

    def __init__(self, end, frame):
        self.end, self.frame = end, frame
        self.made = 0
        self.closed = threading.Event()

    def step(self):
        return Stepped(plan=Plan(self.frame))

    def close(self):
        self.closed.set()


class Voice:
    """An engine that makes a number for each of up to three rows in one step."""

    def __init__(self, scheduler):
        self.lane = scheduler.lane("tts")
        self.prompt = self.lane.kind(Part.TTS, "prompt")
        self.frame = self.lane.kind(Part.TTS, "frame", max_batch=3)
        self.lane.batch(self.frame, self.advance)
        self.sizes = []

    def advance(self, rows):
        self.sizes.append(len(rows))
        return [self.made(row) for row in rows]

    def made(self, row):
        row.made += 1
        if row.end is None and row.made == 3:
            return ZeroDivisionError("NaN")
        return Stepped([row.made], over=row.made == row.end)

    def stream(self, row, terms=None):
        return self.lane.stream(row, Plan(self.prompt, 2), Demand(0.0, 1e9), terms)


@pytest.fixture
def voice(scheduler):
    return Voice(scheduler)


def speak(scheduler, voice, rows, terms=None):
    """All of them, begun while the device has something else to do. Returns what each listener heard."""
    heard = [[] for _ in rows]
    gate = Gate(1)
    joins = [on_a_thread(lambda: list(voice.lane.stream(gate, Plan(voice.prompt), NEVER_DUE)))]
    assert gate.begun.acquire(timeout=DEADLINE_S)
    for row, items in zip(rows, heard, strict=True):
        joins.append(on_a_thread(lambda row=row, items=items: items.extend(voice.stream(row, terms))))
    wait_until(lambda: scheduler.figures().ready == 1 + len(rows), "all rows")
    gate.release.release()
    return heard, joins


def test_rows_join_and_leave_between_steps(scheduler, voice):
    rows = [Row(end, voice.frame) for end in (2, 5, 9, 30)]
    heard, joins = speak(scheduler, voice, rows)
    for join in joins:
        join()
    assert heard == [list(range(1, row.end + 1)) for row in rows]
    assert max(voice.sizes) == 3
    assert sum(voice.sizes) == sum(row.end for row in rows)
    assert voice.sizes[-1] == 1  # the longest goes on alone
    assert all(row.closed.is_set() for row in rows)
    assert 1 < scheduler.figures().batches[Part.TTS] < 3


def test_an_error_of_one_row_is_its_own(scheduler, voice):
    rows = [Row(None, voice.frame), Row(6, voice.frame)]
    heard, (gate, broken, whole) = speak(scheduler, voice, rows)
    gate()
    whole()
    with pytest.raises(ZeroDivisionError):
        broken()
    assert heard == [[1, 2], [1, 2, 3, 4, 5, 6]]
    assert rows[0].closed.is_set()


def test_an_error_of_the_step_is_everybodys(scheduler, voice):
    def advance(rows):
        raise OSError("the card is full")

    voice.lane.batch(voice.frame, advance)
    _, (gate, *joins) = speak(scheduler, voice, [Row(3, voice.frame), Row(3, voice.frame)])
    gate()
    for join in joins:
        with pytest.raises(OSError, match="full"):
            join()


def test_a_step_that_forgets_a_row_is_an_error(voice):
    voice.lane.batch(voice.frame, lambda rows: [])
    with pytest.raises(RuntimeError, match="0 results"):
        list(voice.stream(Row(3, voice.frame)))


def test_a_row_that_is_not_wanted_any_more_is_left_out(scheduler, voice):
    unwanted, row = threading.Event(), Row(4, voice.frame)
    stream = voice.stream(row, Terms(lambda: not unwanted.is_set(), room=1))
    assert next(stream) == 1
    wait_until(lambda: scheduler.figures().parked == 1, "parking")
    unwanted.set()
    assert list(stream) == []
    assert row.closed.wait(DEADLINE_S)
    assert list(voice.stream(Row(2, voice.frame))) == [1, 2]
    assert row.made == 2


def test_a_batched_step_without_an_engine_for_it_is_refused(voice):
    other = voice.lane.kind(Part.TTS, "other", max_batch=2)
    with pytest.raises(ValueError, match="batched other step"):
        list(voice.lane.stream(Row(1, voice.frame), Plan(other), NEVER_DUE))
