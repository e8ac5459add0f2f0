"""While a reply is held, the making of it rests: it is not heard, and the recogniser needs the machine to find out what
the sound over it was.
"""

from __future__ import annotations

from utils.system.engine_thread import Live, on_shared_thread
from utils.turns.turns import Turns

# A recogniser that needs longer is slow on its own account. The model's thread does nothing else in the meantime.
LONGEST_REST_S = 2.0


def resting(turns: Turns, attempt: int, live: Live) -> Live:
    """The same as `live`, for a job that makes the reply of this attempt: it waits while the reply is held.

    Not on a thread that several models share, where the recogniser would wait for the job. Once it has been held for
    so long that a rest makes no difference, there is no other.
    """
    tired = False

    def wanted() -> bool:
        nonlocal tired
        tired = tired or on_shared_thread()
        tired = tired or not turns.wait_while_held(attempt, LONGEST_REST_S)
        return live()

    return wanted
