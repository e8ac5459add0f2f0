"""The making of a reply rests while the reply is held."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes import Surroundings
from utils.conversation import rest
from utils.conversation.rest import resting
from utils.system.engine_thread import EngineThread
from utils.turns.turns import State


@pytest.fixture
def world():
    return Surroundings()


@pytest.fixture
def held(world):
    """A reply that is held."""
    attempt = world.committed()
    world.turns.play(attempt)
    world.turns.doubt(True)
    return attempt


def asked(world, attempt, end):
    """What `wanted` says that was asked during the hold, which `end` ends."""
    wanted = resting(world.turns, attempt, lambda: world.turns.live(attempt))
    began = threading.Event()
    wait = world.turns.wait_while_held

    def wait_while_held(number, seconds):
        began.set()
        return wait(number, seconds)

    world.turns.wait_while_held = wait_while_held
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wanted)
        assert began.wait(30)
        assert world.turns.state(attempt) is State.HELD
        end()
        return waiting.result(30)


def test_it_goes_on_with_the_reply(world, held, monkeypatch):
    monkeypatch.setattr(rest, "LONGEST_REST_S", 30.0)
    assert asked(world, held, lambda: world.turns.doubt(False)) is True


@pytest.mark.parametrize("end", ["interrupt", "close"])
def test_it_ends_with_the_reply(world, held, monkeypatch, end):
    monkeypatch.setattr(rest, "LONGEST_REST_S", 30.0)
    assert asked(world, held, getattr(world.turns, end)) is False


def test_a_rest_that_lasts_too_long_is_the_last_one(world, held, monkeypatch):
    monkeypatch.setattr(rest, "LONGEST_REST_S", 0.01)
    wanted = resting(world.turns, held, lambda: True)
    assert wanted()
    monkeypatch.setattr(rest, "LONGEST_REST_S", 3_600.0)
    assert wanted()


def test_what_is_not_held_does_not_rest(world, held):
    assert resting(world.turns, held + 1, lambda: True)()


def test_on_a_thread_that_the_recogniser_needs_nothing_rests(world, held, monkeypatch):
    monkeypatch.setattr(rest, "LONGEST_REST_S", 3_600.0)
    thread = EngineThread("mps", shared=True)
    assert thread.call(resting(world.turns, held, lambda: True))
    assert thread.close(10)
