"""Signals, in a real process that was started with SIGINT ignored, as a shell starts background jobs."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.waiting import DEADLINE_S
from utils.system.local_server import ROOT

WAITING = """
import select, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from utils.system.stop_signals import StopSignals, Stopped
with StopSignals() as stop:
    stop.raise_if_requested()
    print("ready", flush=True)
    select.select([stop], [], [])
    try:
        stop.raise_if_requested()
    except Stopped:
        print("asked", flush=True)
    if {stubborn}:
        select.select([], [], [])
assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
"""


def start(stubborn: bool) -> subprocess.Popen[str]:
    code = WAITING.format(stubborn=stubborn)
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_asks_and_the_second_ends(number):
    with start(stubborn=False) as process:
        process.send_signal(number)
        assert process.stdout.readline() == "asked\n"
        assert process.wait(DEADLINE_S) == 0
    with start(stubborn=True) as process:
        process.send_signal(number)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 128 + number


@pytest.mark.parametrize(("requested", "after"), [(True, "SIG_DFL"), (False, "default_int_handler")])
def test_during_the_end_that_was_asked_for_a_signal_shows_no_traceback(requested, after):
    code = (
        "import signal\n"
        "from utils.system.stop_signals import StopSignals\n"
        "with StopSignals() as stop:\n"
        f"    if {requested}: signal.raise_signal(signal.SIGINT)\n"
        f"assert signal.getsignal(signal.SIGINT) is signal.{after}\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, timeout=DEADLINE_S, check=False, preexec_fn=_heed_interrupts
    )
    assert ran.returncode == 0


def _heed_interrupts() -> None:
    """Also where the tests run in the background of a shell, which has its jobs ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
