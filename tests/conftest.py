"""Fixtures that several tests share."""

from __future__ import annotations

import functools

import pytest

from utils.bundled_voice import BundledVoice
from utils.cpu_threads import let_waiting_threads_sleep

let_waiting_threads_sleep()  # as the server does, before any test loads torch


@pytest.fixture(scope="session")
def say():
    """say(text) → float32 [n], 16 kHz: the bundled Piper voice, speaking."""
    return functools.cache(BundledVoice().say)
