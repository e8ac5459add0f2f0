"""How the threads of torch's OpenMP pools wait for each other: a moment awake, then asleep.

By default they spin. As soon as anything else wants a core (another program, or this server's own TTS while its LM
goes on), a spinning thread keeps the one it waits for from running. Threads that sleep at once pay for being woken at
every operation. GNU's OpenMP lets them sleep at once, whatever GOMP_SPINCOUNT says, where there are more threads than
cores, and here STT and LM have a pool each: but not with OMP_WAIT_POLICY=ACTIVE, which leaves a thousand spins. A step
of SmolLM2 in 4 bits, milliseconds on two cores, beside two other pools:

    OMP_WAIT_POLICY     PASSIVE    ACTIVE
    quiet cores         22         16
    one core busy       19         27

Steps of one token, whose operations are the shortest, run on fewer threads:
`handlers.language_model.steps.StepThreads`.
"""

from __future__ import annotations

import os

SPINS = 1_000  # with one pool alone 15 ms, 28 with a core busy; 3,000 spins: 13 and 45


def let_waiting_threads_sleep() -> None:
    """Takes effect where torch is not loaded yet. What the user has set stays."""
    os.environ.setdefault("OMP_WAIT_POLICY", "ACTIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))  # GNU's OpenMP, of the Linux wheels
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # LLVM's and Intel's, of the others: milliseconds
