"""The terms on which a benchmark's server runs: with the machine to itself, or with less than that.

quiet        the whole machine
busy         beside one busy process, which may use any core
one-core     on one core
half-core    on one core, which a busy process wants as well
crowded      beside four busy processes
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

# It ends with the benchmark, also where that is killed.
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    for _ in range(100_000):\n        pass"


@dataclass(frozen=True)
class Terms:
    """What the server has of the machine."""

    busy: int = 0
    """Processes beside it that never rest."""

    one_core: bool = False
    """The server has one core, and the busy processes want the same one."""


TERMS = {
    "quiet": Terms(),
    "busy": Terms(busy=1),
    "one-core": Terms(one_core=True),
    "half-core": Terms(busy=1, one_core=True),
    "crowded": Terms(busy=4),
}


def add_option(parser: argparse.ArgumentParser) -> None:
    """Give a benchmark the option --machine."""
    parser.add_argument("--machine", choices=list(TERMS), default="quiet", help="what the server has of the machine")


@contextlib.contextmanager
def beside(name: str) -> Iterator[None]:
    """While it is entered, the busy processes of these terms run."""
    terms = TERMS[name]
    with contextlib.ExitStack() as stack:
        for _ in range(terms.busy):
            with on_its_cores(name):
                # In a session of its own, like another program: Linux shares the processor among sessions.
                process = subprocess.Popen([sys.executable, "-c", BUSY], start_new_session=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


@contextlib.contextmanager
def on_its_cores(name: str) -> Iterator[None]:
    """Processes that are started within run on the cores of these terms."""
    if not TERMS[name].one_core:
        yield
        return
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit(f"--machine {name} needs Linux")
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
