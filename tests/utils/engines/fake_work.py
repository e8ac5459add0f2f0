"""Work that does nothing: it counts, or it waits until the test lets it go on."""

from __future__ import annotations

import threading

from tests.waiting import DEADLINE_S
from utils.engines.demands import Demand, Part, Plan
from utils.engines.work import Stepped

NEVER_DUE = Demand(0.0)


def plan(lane, part=Part.TTS, name="piece", **options):
    return Plan(lane.kind(part, name, **options))


def counting(count, closed=None):
    """Work of so many steps, one number each; what it comes to is how many there were."""
    try:
        for number in range(count):
            yield Stepped([number])
        return count
    finally:
        if closed is not None:
            closed.set()


def on_a_thread(do):
    """Run `do` beside the test. Returns a function that waits for its end, and raises what it raised."""
    raised = []

    def run():
        try:
            do()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join():
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
        if raised:
            raise raised[0]

    return join


class Gate:
    """Work whose every step waits until the test lets it go on: what a step never does."""

    def __init__(self, steps=1_000):
        self.begun, self.release = threading.Semaphore(0), threading.Semaphore(0)
        self.steps = steps
        self.closed = threading.Event()

    def step(self):
        self.begun.release()
        assert self.release.acquire(timeout=DEADLINE_S)
        self.steps -= 1
        return Stepped(["gate"], over=self.steps <= 0)

    def close(self):
        self.closed.set()
