"""The engine's thread at its edges: results that come late, jobs that come with the close, streams left half way."""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.system.engine_thread import Abandoned, EngineClosed, EngineThread

WAIT_S = 10


@pytest.fixture
def engine():
    thread = EngineThread("test")
    yield thread
    assert thread.close(WAIT_S)


class DoneAsTheWaitEnds(Future):
    """Gets its outcome in the very moment in which waiting for it has timed out."""

    def __init__(self, outcome) -> None:
        super().__init__()
        self._outcome = outcome

    def result(self, timeout=None):
        if not self.done():
            if isinstance(self._outcome, BaseException):
                self.set_exception(self._outcome)
            else:
                self.set_result(self._outcome)
            raise FutureTimeout
        return super().result(timeout)


def test_a_result_that_comes_as_the_wait_ends_is_a_result(engine, monkeypatch):
    monkeypatch.setattr(engine, "submit", lambda job, live: DoneAsTheWaitEnds(7))
    assert engine.call(lambda: None) == 7


def test_an_error_that_comes_as_the_wait_ends_is_that_error(engine, monkeypatch):
    monkeypatch.setattr(engine, "submit", lambda job, live: DoneAsTheWaitEnds(KeyError("its own")))
    with pytest.raises(KeyError, match="its own"):
        engine.call(lambda: None)


def test_a_queued_job_is_let_go_before_its_turn(engine):
    release, live, ran = threading.Event(), threading.Event(), []
    live.set()
    busy = engine.submit(lambda: release.wait(WAIT_S))
    caller = threading.Thread(target=live.clear)
    caller.start()
    with pytest.raises(CancelledError):
        engine.call(lambda: ran.append(1), live.is_set)
    assert not busy.done()
    release.set()
    caller.join(WAIT_S)
    engine.call(lambda: None)
    assert ran == []


def test_the_close_finishes_what_waits():
    engine, release, ran = EngineThread("closing"), threading.Event(), []
    engine.submit(lambda: release.wait(WAIT_S))
    waiting = [engine.submit(lambda number=number: ran.append(number)) for number in range(5)]
    assert not engine.close(0)
    with pytest.raises(EngineClosed):
        engine.submit(lambda: None)
    with pytest.raises(EngineClosed):
        next(iter(engine.stream(lambda emit, wanted: None)))
    release.set()
    assert engine.close(WAIT_S)
    assert ran == list(range(5))
    assert all(future.done() for future in waiting)


def test_every_job_that_was_taken_is_done_however_late_it_came():
    for _ in range(50):
        engine, start, taken = EngineThread("race"), threading.Barrier(5), []

        def submit(engine=engine, start=start, taken=taken):
            start.wait(WAIT_S)
            try:
                while True:
                    taken.append(engine.submit(lambda: None))
            except EngineClosed:
                pass

        threads = [threading.Thread(target=submit, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        start.wait(WAIT_S)
        assert engine.close(WAIT_S)
        for thread in threads:
            thread.join(WAIT_S)
        assert all(future.done() for future in taken)


def test_jobs_of_many_callers_run_one_at_a_time_and_each_gets_its_own_result(engine):
    at_work = threading.Lock()

    def job(number):
        assert at_work.acquire(blocking=False)
        at_work.release()
        return number * 2

    results: dict[int, int] = {}

    def caller(number):
        results[number] = engine.call(lambda: job(number))

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(20)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(WAIT_S)
    assert results == {number: number * 2 for number in range(20)}


def test_a_job_that_asks_to_exit_ends_neither_engine_nor_process(engine):
    with pytest.raises(SystemExit):
        engine.call(lambda: (_ for _ in ()).throw(SystemExit(3)))
    assert engine.call(lambda: 1) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(), max_size=30), st.integers(0, 30), st.booleans())
def test_a_stream_gives_what_was_emitted_in_order_and_then_its_error(items, taken, fails):
    engine = EngineThread("streams")

    def produce(emit, wanted):
        for item in items:
            emit(item)
        if fails:
            raise KeyError("after the last")

    with contextlib.closing(engine.stream(produce)) as stream:
        assert list(itertools.islice(stream, min(taken, len(items)))) == items[:taken]
    stream = engine.stream(produce)
    assert list(itertools.islice(stream, len(items))) == items
    with pytest.raises(KeyError if fails else StopIteration):
        next(stream)
    assert engine.close(WAIT_S)


def test_a_stream_that_was_left_raises_in_the_job_at_its_next_item_and_frees_the_engine(engine):
    first_taken, outcome = threading.Event(), []

    def produce(emit, wanted):
        emit(1)
        first_taken.wait(WAIT_S)
        try:
            emit(2)
        except Abandoned as error:
            outcome.append(type(error))
            raise

    stream = engine.stream(produce)
    assert next(stream) == 1
    stream.close()
    first_taken.set()
    assert engine.call(lambda: "free") == "free"
    assert outcome == [Abandoned]


def test_an_error_of_a_stream_nobody_wants_is_nobodys(engine):
    """The stage has gone on to the next turn: what breaks in the last one's job must not break this one."""
    live = threading.Event()
    live.set()
    left = threading.Event()

    def produce(emit, wanted):
        emit(1)
        left.wait(WAIT_S)
        raise KeyError("too late to matter")

    stream = engine.stream(produce, live.is_set)
    assert next(stream) == 1
    live.clear()
    assert list(stream) == []
    left.set()
    assert engine.call(lambda: "free") == "free"


def test_a_stream_that_waits_for_the_engine_ends_when_it_is_no_longer_wanted(engine):
    release, live, ran = threading.Event(), threading.Event(), []
    live.set()
    engine.submit(lambda: release.wait(WAIT_S))
    results: list[list[int]] = []
    consumer = threading.Thread(
        target=lambda: results.append(list(engine.stream(lambda emit, wanted: ran.append(emit), live.is_set)))
    )
    consumer.start()
    live.clear()
    consumer.join(WAIT_S)
    assert results == [[]]
    release.set()
    engine.call(lambda: None)
    assert ran == []


def test_an_idle_engine_keeps_nothing_of_its_last_job(engine):
    class Weights:
        pass

    weights, gone = Weights(), threading.Event()
    watched = weakref.ref(weights, lambda _: gone.set())
    engine.call(lambda kept=weights: None)
    del weights
    assert gone.wait(WAIT_S)
    assert watched() is None


def test_a_job_that_was_taken_comes_before_the_end_of_the_thread():
    """The close comes between the look whether the engine is open and the queueing of the job."""
    engine = EngineThread("race")
    jobs = engine._jobs
    closer = threading.Thread(target=engine.close, daemon=True)

    class Interrupted:
        get = jobs.get

        def put(self, job):
            if job is not None:
                closer.start()
                closer.join(0.05)  # it has this long to get in between
            jobs.put(job)

    engine._jobs = Interrupted()
    assert engine.submit(lambda: "done").result(WAIT_S) == "done"
    closer.join(WAIT_S)
    assert not closer.is_alive()
