"""The engine's one thread."""

from __future__ import annotations

import contextlib
import itertools
import threading
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeout

import pytest

from tests.waiting import DEADLINE_S, wait_until
from utils.system.engine_thread import Abandoned, EngineClosed, EngineThread


@pytest.fixture
def engine():
    thread = EngineThread("test")
    yield thread
    assert thread.close(DEADLINE_S)


def test_one_thread_runs_everything(engine):
    idents = {engine.call(threading.get_ident) for _ in range(5)}
    idents |= set(engine.stream(lambda emit, wanted: emit(threading.get_ident())))
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
        release.wait(DEADLINE_S)
        return 1

    with pytest.raises(CancelledError):
        engine.call(job, live.is_set)
    release.set()
    assert engine.call(lambda: 2) == 2


def test_a_job_that_is_no_longer_wanted_is_not_started(engine):
    release, ran = threading.Event(), []
    engine.submit(lambda: release.wait(DEADLINE_S))
    with pytest.raises(CancelledError):
        engine.call(lambda: ran.append(1), lambda: False)
    release.set()
    engine.call(lambda: None)
    assert ran == []


def test_a_stream_keeps_its_order(engine):
    assert list(engine.stream(lambda emit, wanted: [emit(i) for i in range(100)] and None)) == list(range(100))


def test_an_exception_comes_after_what_was_emitted(engine):
    def produce(emit, wanted):
        emit(1)
        raise KeyError("x")

    stream = engine.stream(produce)
    assert next(stream) == 1
    with pytest.raises(KeyError):
        next(stream)


def test_closing_a_stream_stops_its_job(engine):
    stopped, emitted = threading.Event(), threading.Event()

    def produce(emit, wanted):
        try:
            while True:
                emit(1)
                emitted.set()
        except Abandoned:
            stopped.set()
            raise

    with contextlib.closing(engine.stream(produce)) as stream:
        assert next(stream) == 1
    assert stopped.wait(DEADLINE_S)
    assert engine.call(lambda: 2) == 2


def test_a_stream_ends_when_it_is_no_longer_wanted(engine):
    live = threading.Event()
    live.set()
    release = threading.Event()

    def produce(emit, wanted):
        emit(1)
        live.clear()
        release.wait(DEADLINE_S)
        emit(2)

    assert list(engine.stream(produce, live.is_set)) in ([], [1])
    release.set()
    assert engine.call(lambda: 3) == 3


def test_after_the_close_it_takes_no_work():
    engine = EngineThread("closed")
    assert engine.close(DEADLINE_S)
    with pytest.raises(EngineClosed):
        engine.call(lambda: 1)


def test_close_says_when_the_engine_is_busy():
    engine, release = EngineThread("busy"), threading.Event()
    engine.submit(lambda: release.wait(DEADLINE_S))
    assert not engine.close(0)
    release.set()
    engine._thread.join(DEADLINE_S)
    assert not engine._thread.is_alive()


def counted(made):
    """produce(emit, wanted): 1, 2, 3, …, each noted in `made` when there was room for it."""

    def produce(emit, wanted):
        for number in itertools.count(1):
            emit(number)
            made.append(number)

    return produce


def test_a_job_does_not_run_ahead_of_its_consumer(engine):
    made = []
    stream = engine.stream(counted(made), room=3)
    with contextlib.closing(stream):
        for taken in range(1, 6):
            assert next(stream) == taken
            wait_until(lambda most=taken + 3: len(made) == most, "what there is room for to be made")
            assert not engine_is_idle(engine)
            assert len(made) == taken + 3
    engine.call(lambda: None)
    assert len(made) <= 9


def engine_is_idle(engine):
    """Whether it takes another job; long enough for one more item to be made where nothing held it back."""
    try:
        engine.submit(lambda: None).result(timeout=0.1)
    except FutureTimeout:
        return False
    return True


def test_room_is_counted_in_the_size_of_items(engine):
    made = []

    def produce(emit, wanted):
        for piece in (b"12", b"34", b"5", b"678"):
            emit(piece)
            made.append(piece)

    stream = engine.stream(produce, room=5, size=len)
    assert next(stream) == b"12"
    wait_until(lambda: made == [b"12", b"34", b"5"], "three bytes to be there, and no room for three more")
    assert not engine_is_idle(engine)
    assert list(stream) == [b"34", b"5", b"678"]


def test_an_item_larger_than_all_room_waits_alone(engine):
    def produce(emit, wanted):
        for piece in (b"123456", b"123456", b"1"):
            emit(piece)

    assert list(engine.stream(produce, room=3, size=len)) == [b"123456", b"123456", b"1"]


def test_a_job_that_waits_for_room_ends_when_its_consumer_leaves(engine):
    made = []
    stream = engine.stream(counted(made), room=2)
    next(stream)
    wait_until(lambda: len(made) == 3, "the room to be used up")
    stream.close()
    assert engine.call(lambda: "free") == "free"


def test_a_job_that_waits_for_room_ends_when_it_is_no_longer_wanted(engine):
    live, made = threading.Event(), []
    live.set()
    stream = engine.stream(counted(made), live.is_set, room=2)
    next(stream)
    wait_until(lambda: len(made) == 3, "the room to be used up")
    live.clear()
    assert engine.call(lambda: "free") == "free"
    assert list(stream) == []


def test_a_job_can_ask_whether_it_is_wanted(engine):
    asked = []

    def produce(emit, wanted):
        emit(1)
        while wanted():
            asked[:] = [True]

    stream = engine.stream(produce)
    assert next(stream) == 1
    wait_until(lambda: bool(asked), "the job to go on without emitting")
    stream.close()
    assert engine.call(lambda: "free") == "free"
