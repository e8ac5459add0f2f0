"""Sets how the threads of torch's OpenMP pools wait for each other: awake for a moment, then asleep.

By default they spin, which means that they stay awake. That is bad as soon as anything else wants a core, be it another
program or the server's own voice while its language model goes on: a spinning thread keeps the thread that it waits for
from running. To sleep at once is bad too, since every operation then has to wake the threads.

GNU's OpenMP ignores GOMP_SPINCOUNT and lets threads sleep at once if there are more threads than cores. Here there are
more, since speech to text and language model have a pool each. Only with OMP_WAIT_POLICY=ACTIVE it spins a thousand
times even then. One step of SmolLM2 in 4 bits, in milliseconds on two cores, beside two other pools:

    OMP_WAIT_POLICY     PASSIVE    ACTIVE
    quiet cores         22         16
    one core busy       19         27

Steps of one token have the shortest operations. They run on fewer threads: see
`handlers.language_model.steps.StepThreads`.
"""

from __future__ import annotations

import os

SPINS = 1_000  # one pool alone: 15 ms a step, 28 with one core busy. With 3,000 spins: 13 and 45 ms


def let_waiting_threads_sleep() -> None:
    """Set the environment variables. They only work if torch is not loaded yet. What the user has set stays."""
    os.environ.setdefault("OMP_WAIT_POLICY", "ACTIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))  # GNU's OpenMP, of the Linux wheels
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # milliseconds; LLVM's and Intel's OpenMP, of the other wheels
