"""The engine's one thread."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import CancelledError

import pytest

from utils.engine_thread import Abandoned, EngineClosed, EngineThread


@pytest.fixture
def engine():
    thread = EngineThread("test")
    yield thread
    assert thread.close(5)


def test_one_thread_runs_everything(engine):
    idents = {engine.call(threading.get_ident) for _ in range(5)}
    idents |= set(engine.stream(lambda emit: emit(threading.get_ident())))
    assert len(idents) == 1
    assert threading.get_ident() not in idents


def test_a_call_returns_or_raises(engine):
    assert engine.call(lambda: 3) == 3
    with pytest.raises(KeyError):
        engine.call({}.popitem)
    with pytest.raises(TimeoutError, match="its own"):
        engine.call(lambda: (_ for _ in ()).throw(TimeoutError("its own")))
    assert engine.call(lambda: 4) == 4


def test_a_waiting_call_is_cancelled_at_once_and_the_engine_goes_on(engine):
    release, live = threading.Event(), threading.Event()
    live.set()

    def job():
        live.clear()
        release.wait(5)
        return 1

    with pytest.raises(CancelledError):
        engine.call(job, live.is_set)
    release.set()
    assert engine.call(lambda: 2) == 2


def test_a_job_that_is_no_longer_wanted_is_not_started(engine):
    release, ran = threading.Event(), []
    engine.submit(lambda: release.wait(5))
    with pytest.raises(CancelledError):
        engine.call(lambda: ran.append(1), lambda: False)
    release.set()
    engine.call(lambda: None)
    assert ran == []


def test_a_stream_keeps_its_order(engine):
    assert list(engine.stream(lambda emit: [emit(i) for i in range(100)] and None)) == list(range(100))


def test_an_exception_comes_after_what_was_emitted(engine):
    def produce(emit):
        emit(1)
        raise KeyError("x")

    stream = engine.stream(produce)
    assert next(stream) == 1
    with pytest.raises(KeyError):
        next(stream)


def test_closing_a_stream_stops_its_job(engine):
    stopped, emitted = threading.Event(), threading.Event()

    def produce(emit):
        try:
            while True:
                emit(1)
                emitted.set()
        except Abandoned:
            stopped.set()
            raise

    with contextlib.closing(engine.stream(produce)) as stream:
        assert next(stream) == 1
    assert stopped.wait(5)
    assert engine.call(lambda: 2) == 2


def test_a_stream_ends_when_it_is_no_longer_wanted(engine):
    live = threading.Event()
    live.set()
    release = threading.Event()

    def produce(emit):
        emit(1)
        live.clear()
        release.wait(5)
        emit(2)

    assert list(engine.stream(produce, live.is_set)) in ([], [1])
    release.set()
    assert engine.call(lambda: 3) == 3


def test_after_the_close_it_takes_no_work():
    engine = EngineThread("closed")
    assert engine.close(5)
    with pytest.raises(EngineClosed):
        engine.call(lambda: 1)


def test_close_says_when_the_engine_is_busy():
    engine, release = EngineThread("busy"), threading.Event()
    engine.submit(lambda: release.wait(5))
    assert not engine.close(0)
    release.set()
    engine._thread.join(5)
    assert not engine._thread.is_alive()
