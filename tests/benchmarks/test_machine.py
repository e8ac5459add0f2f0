"""What a benchmark's server has of the machine, for real."""

from __future__ import annotations

import os

import psutil
import pytest

from benchmarks.machine import TERMS, beside, on_its_cores


def busy() -> list[psutil.Process]:
    return [process for process in psutil.Process().children() if "getppid" in " ".join(process.cmdline())]


@pytest.mark.parametrize("name", TERMS)
def test_the_busy_processes_run_on_the_cores_they_should_and_end(name):
    cores = os.sched_getaffinity(0)
    with beside(name):
        beside_it = busy()
        assert len(beside_it) == TERMS[name].busy
        for process in beside_it:
            assert set(process.cpu_affinity()) == ({min(cores)} if TERMS[name].one_core else cores)
    assert not any(process.is_running() for process in beside_it)
    assert os.sched_getaffinity(0) == cores


@pytest.mark.parametrize("name", TERMS)
def test_the_server_is_started_on_its_cores(name):
    cores = os.sched_getaffinity(0)
    with on_its_cores(name):
        assert os.sched_getaffinity(0) == ({min(cores)} if TERMS[name].one_core else cores)
    assert os.sched_getaffinity(0) == cores
