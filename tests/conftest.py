"""Fixtures that several tests share."""

from __future__ import annotations

import functools

import pytest
from hypothesis import HealthCheck, settings

from tests.abused_server import FRANCE, MOST_GROWTH, STORY, AbusedServer
from tests.process_watch import MIB, PeakWatch
from utils.models.bundled_voice import BundledVoice
from utils.system.cpu_threads import let_waiting_threads_sleep
from utils.system.privacy import report_nothing

LONG = ("test_benchmarks_run", "test_endurance", "test_abuse", "test_compilation", "test_signals", "test_talking_over")

let_waiting_threads_sleep()  # as the server does, before any test loads torch
report_nothing()
# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take minutes come first, so that no worker is left with one of them when the others are done."""
    items.sort(key=lambda item: not item.path.stem.startswith(LONG))


@pytest.fixture
def server(running):
    """The file's `running` server. Nothing of one test is left for the next one: neither a conversation nor figures to
    be written."""
    yield running
    running.wait_until_idle()


@pytest.fixture(scope="session")
def say():
    """say(text) → float32 [n], 16 kHz: the bundled Piper voice, speaking."""
    return functools.cache(BundledVoice().say)


@pytest.fixture(scope="session")
def reference():
    """The Parler-TTS library, in a process of its own. Without it tests that use it are skipped; in CI they fail."""
    from benchmarks.parler_reference.client import Reference
    from benchmarks.parler_reference.environment import FOLDER, in_ci, missing, why_not

    if reason := why_not():
        pytest.skip(reason)
    if reason := missing():
        (pytest.fail if in_ci() else pytest.skip)(reason)
    with Reference(FOLDER) as library:
        yield library


@pytest.fixture(scope="module")
def abused(say):
    """A warm server for a module's abuse."""
    with AbusedServer() as server:
        server.warm_up(*((text, say(text)) for text in (FRANCE, STORY)))
        yield server


@pytest.fixture
def watched(abused, say):
    """The server; it never takes much, and after the test it serves the next client and has given back what it took."""
    with PeakWatch(abused.process.pid) as peak:
        yield abused
        abused.ask(FRANCE, say(FRANCE))
    abused.wait_until_idle()
    print(f"memory: {peak.before.memory / MIB:.0f}, at most {peak.most.memory / MIB:.0f} MiB")
    assert peak.most.memory - abused.idle.memory < MOST_GROWTH
    assert not abused.new_faults()
    assert abused.process.poll() is None
