"""Freed memory is given back, in a process of its own; a C library that can't do so is no error."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from utils.system import freed_memory
from utils.system.local_server import ROOT

# Small blocks, the last of which stays: what is free below it, the allocator keeps.
HOLDING = """
import ctypes, psutil
from utils.system.freed_memory import give_back_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
memory = lambda: psutil.Process().memory_info().rss
blocks = [libc.malloc(100_000) for _ in range(1_000)]
for block in blocks:
    ctypes.memset(block, 1, 100_000)
for block in blocks[:-1]:
    libc.free(block)
held = memory()
give_back_freed_memory()
assert held - memory() > 80_000_000, (held, memory())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not the GNU C library")
def test_what_was_freed_is_given_back():
    subprocess.run([sys.executable, "-c", HOLDING], cwd=ROOT, timeout=60, check=True)


def no_library(name):
    raise OSError("no such library")


@pytest.mark.parametrize("load", [no_library, lambda name: object()])
def test_another_c_library_is_left_alone(monkeypatch, load):
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", load)
    freed_memory._malloc_trim.cache_clear()
    freed_memory.give_back_freed_memory()
    freed_memory._malloc_trim.cache_clear()
