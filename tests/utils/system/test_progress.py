"""Signs of life: none for quick work, one every two seconds for slow work, and how long it took."""

from __future__ import annotations

import io
import threading

import pytest

from utils.system.progress import INTERVAL_S, progress
from utils.system.stop_signals import Stopped


class FakeTime:
    """Time that passes only as the reporting thread waits: `rounds` intervals, then it is the block's turn."""

    def __init__(self, rounds: int) -> None:
        self.now_s, self.rounds, self.all_passed = 100.0, rounds, threading.Event()

    def clock(self) -> float:
        return self.now_s

    def wait(self, done: threading.Event, seconds: float) -> bool:
        if self.rounds == 0:
            self.all_passed.set()
            return done.wait()
        self.rounds -= 1
        self.now_s += seconds
        return False


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ClosedPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(text)


def run(rounds: int, stream: io.StringIO, what: str = "loading the LM …", error: Exception | None = None) -> str:
    time = FakeTime(rounds)
    with progress(what, stream=stream, clock=time.clock, wait=time.wait):
        time.all_passed.wait()
        time.now_s += 0.5
        if error:
            raise error
    return stream.getvalue()


def test_quick_work_is_silent():
    assert run(0, io.StringIO()) == ""


def test_slow_work_shows_that_it_lives_and_how_long_it_took():
    assert run(3, io.StringIO()).splitlines() == [
        "… still loading the LM (2 s)",
        "… still loading the LM (4 s)",
        "… still loading the LM (6 s)",
        "loading the LM took 6.5 s",
    ]


def test_a_terminal_gets_one_line_written_over():
    written = run(5, Terminal())
    assert written.count("\n") == 1
    assert written.endswith("\n")
    *_, shown, last = written.rstrip("\n").split("\r")
    assert shown == "… still loading the LM (10 s)"
    assert last == "loading the LM took 10.5 s".ljust(len(shown)), "what stood there before is wiped out"


def test_a_stop_is_no_failure():
    stream = io.StringIO()
    with pytest.raises(Stopped):
        run(2, stream, error=Stopped())
    assert stream.getvalue().splitlines()[-1] == "loading the LM stopped after 4.5 s"


@pytest.mark.parametrize("rounds", [0, 2])
def test_an_exception_passes_through_and_the_line_says_failed(rounds):
    stream = io.StringIO()
    with pytest.raises(ValueError, match="no such model"):
        run(rounds, stream, error=ValueError("no such model"))
    assert stream.getvalue().splitlines()[-1:] == (["loading the LM failed after 4.5 s"] if rounds else [])


def test_the_first_sign_comes_after_two_seconds():
    waited: list[float] = []

    def wait(done: threading.Event, seconds: float) -> bool:
        waited.append(seconds)
        return done.wait()

    with progress("loading", stream=io.StringIO(), wait=wait):
        pass
    assert waited == [INTERVAL_S] == [2.0]


def test_its_thread_ends_with_the_block():
    before = set(threading.enumerate())
    with progress("loading", stream=io.StringIO()):
        (thread,) = set(threading.enumerate()) - before
        assert thread.daemon
    assert not thread.is_alive()


def test_work_goes_on_when_nobody_can_be_told():
    assert run(2, ClosedPipe()) == ""


def test_it_goes_to_stderr_unless_told_otherwise(capsys):
    time = FakeTime(1)
    with progress("loading the LM", clock=time.clock, wait=time.wait):
        time.all_passed.wait()
    captured = capsys.readouterr()
    assert captured.err.startswith("… still loading the LM (2 s)\n")
    assert captured.out == ""
