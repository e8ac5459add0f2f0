"""How the threads of torch's OpenMP pools wait for each other: a moment awake, then asleep.

By default they spin. As soon as anything else wants a core (another program, or this server's own TTS while its LM
goes on), a spinning thread keeps the one it waits for from running. Threads that sleep at once pay for being woken at
every operation. Whisper tiny.en in bfloat16, a question of 1.5 s on two cores:

    spins before it sleeps     0        3,000    10,000   no limit
    quiet cores                432 ms   310      372      321
    one core busy              573 ms   698      1,479    1,840

The language model's steps, whose operations are shorter still, run on fewer threads: `handlers.generation.StepThreads`.
"""

from __future__ import annotations

import os

SPINS = 3_000


def let_waiting_threads_sleep() -> None:
    """Takes effect where torch is not loaded yet. What the user has set stays."""
    os.environ.setdefault("OMP_WAIT_POLICY", "ACTIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))  # GNU's OpenMP, of the Linux wheels
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # LLVM's and Intel's, of the others: milliseconds
