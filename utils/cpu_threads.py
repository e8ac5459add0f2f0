"""How the threads of torch's OpenMP pools wait for each other: asleep.

By default they spin. As soon as anything else wants a core (another program, or this server's own TTS while its LM
goes on), a spinning thread keeps the one it waits for from running: transcribing two seconds of speech with Whisper
tiny.en on two cores, one of them busy, took 1.3 to 7 s; with threads that sleep, 0.7 to 0.8 s. On quiet cores sleeping
costs: a step of SmolLM2 in bfloat16 takes 41 to 62 ms on two threads that spin, 71 to 95 on two that sleep, and 72 on
one, which is therefore what it gets (`handlers.generation.StepThreads`).
"""

from __future__ import annotations

import os


def let_waiting_threads_sleep() -> None:
    """Takes effect where torch is not loaded yet. What the user has set stays."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")  # GNU's OpenMP, of the Linux wheels
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # LLVM's and Intel's, of the others
